/**
 * What a tile may claim, from the age of the newest part shown. Pure.
 */

/** Ages in ms up to which a picture is live, late, and shown at all. */
export const LIVE_MS = 1_000;
export const LATE_MS = 3_000;
export const SHOWN_MS = 30_000;

/**
 * @typedef {"blank" | "live" | "late" | "stale" | "removed"} Look
 * blank: nothing was shown since the tile was opened, or since the tab was hidden
 */

/**
 * @param {object} facts
 * @param {number | null} facts.wall  ms since 1970 of the picture now on the screen; null: none
 * @param {number} facts.now          ms since 1970 by the server's clock
 * @param {boolean} facts.ended       the run ended: a gap is known to have begun
 * @returns {{look: Look, age: number}} age in ms, never negative
 */
export function lookOf({ wall, now, ended }) {
  if (wall === null) return { look: ended ? "removed" : "blank", age: 0 };
  const age = Math.max(0, now - wall);
  if (age > SHOWN_MS || (ended && age > LATE_MS)) return { look: "removed", age };
  if (age > LATE_MS) return { look: "stale", age };
  return { look: age > LIVE_MS ? "late" : "live", age };
}
