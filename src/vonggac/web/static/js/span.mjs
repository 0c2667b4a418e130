/**
 * Timeline arithmetic: windows, ticks, what is where in time, and what is drawn of it. Pure.
 *
 * Times are ms since 1970. A span or a gap holds its beginning and not its end.
 */

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Shortest window, ms. */
export const SHORTEST = 10 * SECOND;
/** Shapes drawn in one strip at most; more are joined. */
export const SHAPE_LIMIT = 1_500;
/** A gap is never thinner, px. */
const THINNEST_GAP_PX = 2;
/** A gap narrower than this gets no letter, px. */
const LETTER_PX = 18;

/**
 * @typedef {object} Record what one camera's timeline answer says
 * @property {number} asOf
 * @property {number} expiredBefore
 * @property {{from: number, to: number}[]} spans              sorted, apart
 * @property {{from: number, to: number, cause: string}[]} gaps sorted, apart
 * @property {number[]} density  recorded share of each step from `from`, 0 to 100
 * @property {number} from
 * @property {number} to
 * @property {number} step       ms of one density step
 */

/** @typedef {{from: number, to: number}} Window */

/**
 * What is known of one moment.
 * @param {Record | null} record
 * @param {number} at
 * @returns {{kind: "recorded" | "gap" | "expired" | "before" | "future" | "unknown", from: number, to: number, cause?: string}}
 */
export function stateAt(record, at) {
  if (record === null || at < record.from || at >= record.to) return { kind: "unknown", from: at, to: at };
  if (at < record.expiredBefore) return { kind: "expired", from: record.from, to: record.expiredBefore };
  const gap = holding(record.gaps, at);
  if (gap) return { kind: "gap", ...gap };
  const span = holding(record.spans, at);
  if (span) return { kind: "recorded", ...span };
  if (at >= record.asOf) return { kind: "future", from: record.asOf, to: record.to };
  const begins = beginning(record);
  if (at < begins) return { kind: "before", from: record.from, to: begins };
  return { kind: "unknown", from: at, to: at };
}

/**
 * Where the day's first known moment lies. The ledger begins with a span or a gap (a camera that was
 * off has gaps), so what lies before the first of them is before the camera's time, not a hole in it.
 */
export function beginning(record) {
  const first = Math.min(record.spans[0]?.from ?? Infinity, record.gaps[0]?.from ?? Infinity, record.asOf);
  return Math.max(first, record.expiredBefore);
}

/** @template {Window} T @param {T[]} list sorted @returns {T | undefined} */
export function holding(list, at) {
  let low = 0;
  let high = list.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (list[middle].to <= at) low = middle + 1;
    else if (list[middle].from > at) high = middle - 1;
    else return list[middle];
  }
  return undefined;
}

/** The gap that begins next after `at`, or the one that ended last before it. */
export function neighbourGap(records, at, direction) {
  const gaps = records.flatMap((record) => record?.gaps ?? []).sort((a, b) => a.from - b.from);
  if (direction > 0) return gaps.find((gap) => gap.from > at) ?? null;
  return gaps.filter((gap) => gap.to <= at).at(-1) ?? null;
}

/** Recorded ms inside a window, by spans. */
export function recordedIn(record, { from, to }) {
  return record.spans.reduce((sum, span) => sum + Math.max(0, Math.min(span.to, to) - Math.max(span.from, from)), 0);
}

/**
 * Zooms about a moment that stays where it is on the screen.
 * @param {Window} window @param {number} factor below 1 zooms in
 * @param {Window} day the window never leaves it
 */
export function zoomed(window, factor, about, day) {
  const length = clamp((window.to - window.from) * factor, SHORTEST, day.to - day.from);
  const share = clamp((about - window.from) / (window.to - window.from), 0, 1);
  return within({ from: about - share * length, to: about + (1 - share) * length }, day);
}

/** A window of `length` ms with `about` in its middle. */
export function centred(about, length, day) {
  const size = clamp(length, SHORTEST, day.to - day.from);
  return within({ from: about - size / 2, to: about + size / 2 }, day);
}

/** Moves a window into the day without changing its length. */
export function within({ from, to }, day) {
  const length = Math.min(to - from, day.to - day.from);
  const start = clamp(from, day.from, day.to - length);
  return { from: start, to: start + length };
}

/** Turns the page when the playhead leaves the window; else leaves it alone. */
export function following(window, at, day) {
  if (at >= window.from && at < window.to) return window;
  const length = window.to - window.from;
  return within({ from: at - length * 0.1, to: at + length * 0.9 }, day);
}

const STEPS = [
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE,
  10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR,
]; // prettier-ignore

/** Round times of the site's clock to write under a window that is `width` px wide. */
export function ticks({ from, to }, width, offsetMs, pixelsEach = 90) {
  const wanted = ((to - from) * pixelsEach) / Math.max(1, width);
  const step = STEPS.find((candidate) => candidate >= wanted) ?? STEPS.at(-1);
  const first = Math.ceil((from + offsetMs) / step) * step - offsetMs;
  const times = [];
  for (let at = first; at <= to && times.length < 64; at += step) times.push(at);
  return { step, times };
}

/** 0 to 1 across the window. */
export const shareOf = ({ from, to }, at) => (at - from) / (to - from);

/**
 * What a strip draws. Recorded time is cut out of the lane; gaps keep their least width, and those
 * that would overlap on the screen are one shape with the cause that lasted longest.
 * @param {Record | null} record
 * @param {Window} window
 * @param {number} width px
 * @returns {{kind: "recorded" | "gap" | "unknown" | "expired", x: number, w: number, cause?: string, from: number, to: number, letter?: boolean}[]} x and w are shares
 */
export function shapes(record, window, width) {
  if (record === null) return [];
  const pixel = (window.to - window.from) / Math.max(1, width);
  const visible = (list) => list.filter(({ from, to }) => to > window.from && from < window.to);
  const drawn = [];
  for (const part of rest(record, window)) drawn.push(shape(part.kind, part, window));
  for (const span of joinedClose(visible(record.spans), pixel)) drawn.push(shape("recorded", span, window));
  for (const gap of joinedClose(visible(record.gaps), pixel * THINNEST_GAP_PX)) {
    const least = Math.max(gap.to - gap.from, pixel * THINNEST_GAP_PX);
    const wide = { ...gap, to: gap.from + least };
    const letter = least / pixel >= LETTER_PX;
    drawn.push({ ...shape("gap", wide, window), cause: gap.cause, from: gap.from, to: gap.to, letter });
  }
  return drawn.slice(0, SHAPE_LIMIT);
}

/** What is neither span nor gap: expired, or not yet known (before the data's own time). */
function rest(record, window) {
  const parts = [];
  const from = Math.max(window.from, record.from);
  const known = Math.min(window.to, record.asOf);
  if (record.expiredBefore > from) parts.push({ kind: "expired", from, to: Math.min(record.expiredBefore, window.to) });
  let at = Math.max(from, beginning(record));
  const covered = [...record.spans, ...record.gaps].sort((a, b) => a.from - b.from);
  for (const piece of covered) {
    if (piece.to <= at) continue;
    if (piece.from >= known) break;
    if (piece.from - at > SECOND) parts.push({ kind: "unknown", from: at, to: piece.from });
    at = Math.max(at, piece.to);
  }
  // the newest seconds are still being written: nothing is unknown about them
  if (known - at > 15 * SECOND) parts.push({ kind: "unknown", from: at, to: known });
  return parts;
}

function shape(kind, { from, to }, window) {
  const x = clamp(shareOf(window, from), 0, 1);
  return { kind, x, w: clamp(shareOf(window, to), 0, 1) - x, from, to };
}

/** Neighbours nearer than `nearness` ms become one, with the cause of the longest. */
export function joinedClose(list, nearness) {
  const joined = [];
  for (const piece of list) {
    const last = joined.at(-1);
    if (last === undefined || piece.from - last.to >= nearness) {
      joined.push({ ...piece, longest: piece.to - piece.from });
      continue;
    }
    if (piece.to - piece.from > last.longest) {
      last.longest = piece.to - piece.from;
      last.cause = piece.cause;
    }
    last.to = Math.max(last.to, piece.to);
  }
  return joined;
}

/** @returns {Record} from the answer of `timeline` (subjects.md), in ms */
export function recordOf(answer, from, to, step, msOf) {
  return {
    asOf: msOf(answer.as_of),
    expiredBefore: answer.expired_before === null ? 0 : msOf(answer.expired_before),
    spans: answer.spans.map((span) => ({ from: msOf(span.from), to: msOf(span.to) })),
    gaps: answer.gaps.map((gap) => ({ from: msOf(gap.from), to: msOf(gap.to), cause: gap.cause })),
    density: answer.density,
    from,
    to,
    step,
  };
}

/**
 * A typed time of day: "9", "9:12", "09:12:40", "091240", "9h12".
 * @returns {number | null} ms of the day
 */
export function typedTime(text) {
  const digits = /^\s*(\d{1,2})(?:[:hH.\s]?(\d{2})(?:[:mM.\s]?(\d{2}))?)?\s*$/.exec(text);
  if (!digits) return null;
  const [hours, minutes, seconds] = [1, 2, 3].map((group) => Number(digits[group] ?? 0));
  if (hours > 24 || minutes > 59 || seconds > 59) return null;
  const at = hours * HOUR + minutes * MINUTE + seconds * SECOND;
  return at > DAY ? null : at;
}

/**
 * A day as people here write it, 18/11/2026.
 * @param {string} text
 * @returns {string | null} 2026-11-18; null if it is none
 */
export function typedDay(text) {
  const digits = /^\s*(\d{1,2})\/(\d{1,2})\/(\d{4})\s*$/.exec(text);
  if (!digits) return null;
  const day = `${digits[3]}-${digits[2].padStart(2, "0")}-${digits[1].padStart(2, "0")}`;
  const at = Date.parse(`${day}T00:00:00Z`);
  return Number.isFinite(at) && new Date(at).toISOString().startsWith(day) ? day : null;
}

/** 18/11/2026 of 2026-11-18. */
export const writtenDay = (day) => day.split("-").reverse().join("/");

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
