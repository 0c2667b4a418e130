/**
 * One camera's recording in one `<video>`: GOPs are asked for by time, fed, and shown at a wall time.
 *
 * Media time is wall time from a moving anchor: (wall - anchor) / 1000. A segment keeps one offset,
 * so that its pictures join without seams; segments are placed by the wall time inside their parts.
 * It decides nothing about play or stop: `playback.mjs` says which moment to show.
 */

import { codecsOf, readPart } from "./boxes.mjs";
import { Feed, playable } from "./feed.mjs";
import { msOf, nsOf } from "./page.mjs";

/** The anchor lies this far before the first picture asked for, so that going back stays above zero, ms. */
const BEFORE_MS = 12 * 3_600_000;
/** By this it differs from one anchor to the next, so that nothing is taken for what lay there before, ms. */
const ASIDE_MS = 600_000;
const REACH_MS = 36 * 3_600_000;
/** GOPs known and buffered at most; the farthest from the playhead go first. */
const GOP_LIMIT = 48;
const GOP_BYTES = 96 * 1024 * 1024;
/** Holes remembered at most. */
const HOLE_LIMIT = 64;
/** "Nothing yet" and failures are asked again after this, ms. */
const FORGET_MS = 1_500;
const FAILED_MS = 3_000;
/** A picture follows its predecessor this closely within one GOP sequence, ms. */
const JOIN_MS = 250;
/** Within this a segment keeps its one offset, s; wall times inside it are smoothed by the recorder. */
const SEAM_S = 0.1;
/** Chromium stops this far before the end of the buffer: two pictures at 15 a second, s. */
const DRY_S = 0.14;
/** Beyond this the video is set, below it is steered, s. */
const DRIFT_S = 0.3;

/**
 * @typedef {object} Gop
 * @property {number} from
 * @property {number} to
 * @property {number | null} next    when the next recorded GOP begins
 * @property {string} nextNs         the same to the nanosecond: what is asked for lies exactly there
 * @property {number[]} shown        wall time of each picture, in order of showing
 * @property {number} bytes
 */

/**
 * @typedef {object} Hole time without a picture
 * @property {"gap" | "expired" | "future" | "unknown" | "failed"} kind
 * @property {number} from
 * @property {number} to
 * @property {string | null} cause
 * @property {string} why            of a failure
 * @property {number} until          performance.now() after which it is asked again; Infinity: never
 */

/** @typedef {{kind: "ready", gop: Gop} | {kind: "loading"} | (Hole & {kind: string})} Scene */

export class Reel {
  /** @type {Feed | null} */
  #feed = null;
  /** @type {Gop[]} sorted by from */
  #gops = [];
  /** @type {Hole[]} */
  #holes = [];
  /** @type {Map<string, number>} offset of a segment, s */
  #offsets = new Map();
  #init = "";
  #anchor = 0;
  #aside = 0;
  /** @type {{at: number, abort: AbortController} | null} */
  #asking = null;
  #turn = 0;
  /** @type {{from: number, until: number}} the GOP that the browser lost last, and until when a second loss counts */
  #lost = { from: NaN, until: 0 };

  /**
   * @param {object} options
   * @param {HTMLVideoElement} options.video
   * @param {import("./session.mjs").Session} options.session
   * @param {string} options.camera
   * @param {"main" | "sub"} options.stream
   * @param {boolean} options.hasSub       another stream to fall back to
   * @param {() => void} options.onchange  something was learned
   */
  constructor({ video, session, camera, stream, hasSub, onchange }) {
    this.video = video;
    this.session = session;
    this.camera = camera;
    this.stream = stream;
    this.hasSub = hasSub;
    this.onchange = onchange;
    /** @type {string} codec that this browser cannot play, and there is no other stream */
    this.unplayable = "";
    video.muted = true;
    video.playsInline = true;
  }

  /** What there is to show at a moment; asks for it when nobody knows. @param {number} at @returns {Scene} */
  scene(at) {
    if (this.unplayable) return hole("failed", at, at, null, Infinity);
    const gop = this.#gopAt(at);
    if (gop && this.#holds(gop, at)) return { kind: "ready", gop };
    if (gop) this.#forget(gop, at);
    const known = this.#holeAt(at);
    if (known) return known;
    this.#ask(at, "at");
    return { kind: "loading" };
  }

  /** Asks for what will be needed when playing on from `at` for `ahead` ms. */
  prefetch(at, ahead) {
    let gop = this.#gopAt(at);
    while (gop && gop.to < at + ahead) {
      const next = this.#gopAt(gop.to + 1) ?? (gop.next === null ? null : this.#gopAt(gop.next));
      if (!next || next.from <= gop.from) break;
      gop = next;
    }
    if (!gop || gop.to >= at + ahead || this.#asking) return;
    const from = gop.next ?? gop.to;
    if (!this.#holeAt(from)) this.#ask(from, "at", gop.next === null ? undefined : gop.nextNs);
  }

  /** Shows the picture of a moment and stands still. @param {number} at */
  still(at) {
    this.video.pause();
    const media = this.#media(at);
    if (this.#feed && Math.abs(this.video.currentTime - media) > 0.004) this.video.currentTime = media;
  }

  /**
   * Plays at `rate`, kept at `at` by small changes of speed.
   * @param {number} at @param {number} rate @param {boolean} leads its own clock is believed
   */
  play(at, rate, leads) {
    const { video } = this;
    const media = this.#media(at);
    const drift = media - video.currentTime;
    if (video.paused) {
      if (Math.abs(drift) > 0.004) video.currentTime = media;
      video.playbackRate = rate;
      video.play().catch(() => {});
      return;
    }
    if (Math.abs(drift) > DRIFT_S * Math.max(1, rate) && !video.seeking) video.currentTime = media;
    const steered = leads ? rate : rate * (1 + Math.max(-0.1, Math.min(0.1, drift)));
    if (Math.abs(video.playbackRate - steered) > 0.005) video.playbackRate = steered;
  }

  pause() {
    this.video.pause();
  }

  /** Wall time on the video's own clock. */
  get time() {
    return this.#anchor + this.video.currentTime * 1_000;
  }

  /** The picture can be seen now: nothing is being sought or decoded first. */
  get settled() {
    return !this.video.seeking && this.video.readyState >= 2;
  }

  /** The video stands at the end of what is joined to its playhead: it will not move by itself. */
  get dry() {
    const time = this.video.currentTime;
    const range = this.#feed?.rangeAt(time) ?? null;
    return !this.video.seeking && (range === null || range[1] - time < DRY_S);
  }

  /** Wall time of the picture before or after the one shown at `at`; null when it is not held. */
  neighbour(at, direction) {
    const gop = this.#gopAt(at);
    if (!gop) return null;
    const index = lastAtOrBefore(gop.shown, at + 0.5);
    const inside = gop.shown[index + direction];
    if (inside !== undefined && index + direction >= 0) return inside;
    if (direction > 0) {
      const next = this.#gopAt(gop.to + 1) ?? (gop.next === null ? null : this.#gopAt(gop.next));
      if (next) return next.shown[0];
      if (gop.next !== null) this.#ask(gop.next, "at", gop.nextNs);
      return null;
    }
    const before = this.#gopAt(gop.from - 1);
    if (before) return before.shown.at(-1);
    this.#ask(gop.from, "prev");
    return null;
  }

  /** Wall time of the picture that is shown at `at`. */
  pictureAt(at) {
    const gop = this.#gopAt(at);
    return gop ? gop.shown[Math.max(0, lastAtOrBefore(gop.shown, at + 0.5))] : at;
  }

  /** Something outside says that what was learned is old (another day, a new ledger). */
  forgetHoles() {
    this.#holes = [];
  }

  close() {
    this.#turn += 1;
    this.#asking?.abort.abort();
    this.#asking = null;
    this.#reset();
  }

  // -- asking -------------------------------------------------------------------------------------

  async #ask(at, direction, exact = nsOf(at)) {
    if (this.#asking) {
      if (Math.abs(this.#asking.at - at) < 30_000) return; // near enough: it will be asked when this is here
      this.#asking.abort.abort(); // the playhead went elsewhere
    }
    const asking = { at, abort: new AbortController() };
    this.#asking = asking;
    const turn = this.#turn;
    try {
      let frames = await this.#answer(exact, direction, asking.abort.signal);
      // Between two GOPs lie some microseconds that belong to neither, and in a gap there is none.
      if (frames.length < 2 && direction === "at") {
        if (turn === this.#turn) this.#learnGap(frames);
        frames = await this.#answer(exact, "next", asking.abort.signal);
      }
      if (turn === this.#turn) this.#learn(at, direction, frames);
    } catch (error) {
      if (turn === this.#turn && error.kind !== "aborted") this.#failed(at, error);
    }
    if (this.#asking === asking) this.#asking = null;
    if (turn === this.#turn) this.onchange();
  }

  async #answer(at, direction, signal) {
    /** @type {Uint8Array[]} bounded by the answer's own limit */
    const frames = [];
    await this.session.askFrames(this.camera, "gop", { stream: this.stream, at, dir: direction }, (frame) => frames.push(frame), signal);
    return frames;
  }

  #learnGap([head]) {
    const meta = JSON.parse(new TextDecoder().decode(head));
    if (meta.gap) this.#remember(hole("gap", msOf(meta.gap.from), msOf(meta.gap.to), meta.gap.cause, Infinity));
    return meta;
  }

  #learn(at, direction, [head, init, ...parts]) {
    const meta = this.#learnGap([head]);
    if (meta.run === null || parts.length === 0) {
      const kind = Math.abs(Date.now() - at) < 60_000 ? "future" : "unknown";
      const until = performance.now() + FORGET_MS;
      this.#remember(direction === "prev" ? hole(kind, at - 1, at, null, until) : hole(kind, at, at + 500, null, until));
      return;
    }
    const gop = this.#feedGop(meta, init, parts);
    // A seam shorter than a gap: nothing is missing by the ledger, and nothing is to be seen.
    const seam = direction === "at" && gop.from > at + 0.5 && !this.#holeAt(at);
    if (seam) this.#remember(hole("gap", at, gop.from, null, Infinity));
  }

  #failed(at, error) {
    if (error.kind === "codec") {
      if (this.stream === "main" && this.hasSub) {
        this.stream = "sub"; // recorded beside an H.265 main stream for this very reason
        this.#reset();
      } else {
        this.unplayable = error.message;
      }
      return;
    }
    this.#remember({ ...hole("failed", at - 250, at + 250, null, performance.now() + FAILED_MS), why: error.message });
  }

  #remember(fresh) {
    this.#holes.push(fresh);
    if (this.#holes.length > HOLE_LIMIT) this.#holes.shift();
  }

  // -- feeding ------------------------------------------------------------------------------------

  #feedGop(meta, init, parts) {
    const codecs = codecsOf(init);
    if (!playable(codecs)) throw Object.assign(new Error(codecs), { kind: "codec" });
    const read = parts.map(readPart);
    const from = msOf(meta.from);
    if (this.#feed === null || from < this.#anchor || from > this.#anchor + REACH_MS) this.#begin(from);
    if (this.#init !== `${meta.run}`) {
      this.#feed.init(codecs, init);
      this.#init = `${meta.run}`;
    }
    const segment = `${meta.run}/${meta.seg}`;
    const first = read[0];
    const placed = (first.wall - this.#anchor) / 1_000 - (first.start + first.first);
    const known = this.#offsets.get(segment);
    const offset = known !== undefined && Math.abs(known - placed) < SEAM_S ? known : placed;
    if (this.#offsets.size >= GOP_LIMIT) this.#offsets.delete(this.#offsets.keys().next().value);
    this.#offsets.set(segment, offset);
    const shown = [];
    let bytes = 0;
    parts.forEach((part, index) => {
      this.#feed.part(part, offset);
      bytes += part.length;
      for (const time of read[index].shown) shown.push(this.#anchor + (offset + read[index].start + time) * 1_000);
    });
    shown.sort((a, b) => a - b);
    const last = read.at(-1);
    const end = this.#anchor + (offset + last.start + last.duration + last.first) * 1_000;
    const gop = { from: Math.min(from, shown[0]), to: Math.max(msOf(meta.to), end), next: meta.next_from === null ? null : msOf(meta.next_from), nextNs: meta.next_from ?? "", shown, bytes };
    this.#gops = this.#gops.filter((other) => other.to <= gop.from + 1 || other.from >= gop.to - 1 || other.from < gop.from - JOIN_MS);
    this.#gops.push(gop);
    this.#gops.sort((a, b) => a.from - b.from);
    this.#evict(gop);
    return gop;
  }

  /** A place for recordings around a moment. The decoder is kept: a new one costs more than the GOP that it is for. */
  #begin(at) {
    this.#aside = ASIDE_MS - this.#aside;
    this.#anchor = at - BEFORE_MS - this.#aside;
    this.#gops = [];
    this.#offsets.clear();
    if (this.#feed !== null) {
      this.#feed.clearWaiting();
      this.#feed.remove(0, Infinity);
      return;
    }
    this.#init = "";
    this.#feed = new Feed(this.video, () => {
      this.#reset();
      this.onchange();
    });
  }

  #reset() {
    this.#feed?.close();
    this.#feed = null;
    this.#gops = [];
    this.#offsets.clear();
    this.#init = "";
  }

  #evict(kept) {
    const weight = () => this.#gops.reduce((sum, gop) => sum + gop.bytes, 0);
    while (this.#gops.length > GOP_LIMIT || (weight() > GOP_BYTES && this.#gops.length > 2)) {
      const now = this.time;
      const away = (gop) => (gop === kept ? -1 : gop.to < now ? (now - gop.to) * 2 : gop.from - now); // what was seen goes first
      const farthest = this.#gops.reduce((worst, gop) => (away(gop) > away(worst) ? gop : worst));
      this.#gops.splice(this.#gops.indexOf(farthest), 1);
      // From before its first picture until after its last one's beginning: a removal goes on to the
      // next keyframe by itself, and one that began later would leave the first picture behind.
      this.#feed?.remove(Math.max(0, this.#media(farthest.shown[0]) - 0.003), this.#media(farthest.shown.at(-1)));
    }
  }

  /** Whether the browser still has the picture: it drops recordings without a word when memory is short. */
  #holds(gop, at) {
    if (this.#feed === null || !this.#feed.idle) return true; // it is on its way
    const picture = gop.shown[Math.max(0, lastAtOrBefore(gop.shown, at + 0.5))];
    return this.#feed.rangeAt(this.#media(picture)) !== null;
  }

  /** To be asked again; lost twice in a short time, it is said to have failed. */
  #forget(gop, at) {
    const now = performance.now();
    this.#gops.splice(this.#gops.indexOf(gop), 1);
    if (this.#lost.from === gop.from && now < this.#lost.until) {
      this.#remember({ ...hole("failed", at - 250, at + 250, null, now + FAILED_MS), why: "the browser does not keep it" });
    }
    this.#lost = { from: gop.from, until: now + FAILED_MS };
  }

  // -- looking ------------------------------------------------------------------------------------

  #media(at) {
    return Math.max(0, (at - this.#anchor) / 1_000 + 0.001); // a hair into the picture
  }

  #gopAt(at) {
    return this.#gops.find((gop) => gop.from <= at + 0.5 && at + 0.5 < gop.to) ?? null;
  }

  #holeAt(at) {
    const now = performance.now();
    this.#holes = this.#holes.filter((known) => known.until > now);
    return this.#holes.find((known) => known.from <= at && at < known.to) ?? null;
  }
}

/** @returns {Hole} */
function hole(kind, from, to, cause, until) {
  return { kind, from, to, cause, why: "", until };
}

/** Index of the last of sorted `times` that is not after `at`; -1 when all are. */
export function lastAtOrBefore(times, at) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
