/**
 * How fast a live tile plays, so that it stays just behind the newest part. Pure.
 *
 * Parts come in steps of up to 200 ms. What matters is the *least* that lay ahead of the playhead
 * lately, just before a part came: too much is latency, too little is a stall.
 */

/** What should lie ahead at the least moment, s. */
export const MARGIN_S = 0.06;
/** A stall adds this much to the margin; each calm second takes a little of it back. */
const STALL_S = 0.05;
const CALM_S_A_SECOND = 0.004;
const MARGIN_LIMIT_S = 0.6;
/** More than this ahead: jump instead of playing faster (at 10 % faster 0.7 s takes 7 s to win back). */
export const JUMP_S = 0.7;
/** Fastest speed; ears are not concerned, eyes do not see 10 %. */
const FASTEST = 1.1;
/** Just after a start or a jump the decoder's own delay is made up for faster, for this long, ms. */
const FASTEST_AT_START = 1.6;
const START_MS = 3_000;
/** How long the least is remembered, ms: a dozen parts. */
const WINDOW_MS = 2_000;
const SIGHTING_LIMIT = 64;

export class Pace {
  margin = MARGIN_S;
  /** @type {{at: number, ahead: number}[]} at most SIGHTING_LIMIT */
  #sightings = [];
  #last = 0;
  #startedAt = 0;

  /**
   * Called just before a part is appended.
   * @param {number} at     ms, monotonic
   * @param {number} ahead  s of media after the playhead
   * @returns {{rate: number, jump: boolean}}
   */
  see(at, ahead) {
    const passed = this.#last === 0 ? 0 : (at - this.#last) / 1_000;
    if (this.#sightings.length === 0) this.#startedAt = at;
    this.#last = at;
    this.margin = Math.max(MARGIN_S, this.margin - passed * CALM_S_A_SECOND);
    this.#sightings.push({ at, ahead });
    while (this.#sightings[0].at < at - WINDOW_MS || this.#sightings.length > SIGHTING_LIMIT) this.#sightings.shift();
    const least = Math.min(...this.#sightings.map((sighting) => sighting.ahead));
    return steer(least, this.margin, at - this.#startedAt < START_MS ? FASTEST_AT_START : FASTEST);
  }

  /** The playhead ran dry. */
  stalled() {
    this.margin = Math.min(MARGIN_LIMIT_S, this.margin + STALL_S);
    this.#sightings = [];
  }

  /** After a jump or a new start, what was seen before says nothing. */
  forget() {
    this.#sightings = [];
  }
}

/** @param {number} least s ahead at the least moment @param {number} margin s @param {number} fastest */
export function steer(least, margin, fastest = FASTEST) {
  const surplus = least - margin;
  if (surplus > JUMP_S) return { rate: 1, jump: true };
  if (surplus < 0.03) return { rate: 1, jump: false };
  return { rate: Math.min(fastest, 1.02 + surplus * (fastest > FASTEST ? 2 : 0.3)), jump: false };
}

/**
 * Where media lies in time: pairs of (media time, wall time), so that a picture on the screen is told
 * by when it was taken. Bounded; the oldest are forgotten.
 */
export class WallMap {
  /** @type {{start: number, wall: number}[]} sorted by start */
  #points = [];

  constructor(limit = 512) {
    this.limit = limit;
  }

  /** @param {number} start s of media @param {number} wall ms since 1970 */
  add(start, wall) {
    while (this.#points.length > 0 && this.#points.at(-1).start >= start) this.#points.pop();
    this.#points.push({ start, wall });
    if (this.#points.length > this.limit) this.#points.shift();
  }

  /** @param {number} time s of media @returns {number | null} ms since 1970 */
  wallAt(time) {
    for (let index = this.#points.length - 1; index >= 0; index -= 1) {
      const { start, wall } = this.#points[index];
      if (start <= time + 1e-3) return wall + (time - start) * 1_000;
    }
    return null;
  }
}
