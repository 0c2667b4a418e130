/**
 * One `SourceBuffer` fed in order: inits, parts and removals wait in a bounded queue.
 *
 * A full queue refuses; whoever feeds then drops to the next keyframe. What cannot be mended here
 * (a decoder that gave up, a quota that stays exceeded) is told once through `onbroken`.
 */

import { joined } from "./frames.mjs";

/** Parts that wait for the SourceBuffer: number and bytes. */
const QUEUE_LIMIT = 256;
const QUEUE_BYTES = 24 * 1024 * 1024;
/** Parts that wait together are appended together, bytes: one append costs more than its bytes. */
const APPEND_BYTES = 1024 * 1024;
/**
 * What the source says it lasts, s. A seek beyond the duration lands at the end of what is buffered
 * and stays there, seeking, when the part that was sought is only appended afterwards (HTML, "seek").
 */
const LENGTH_S = 2 ** 22;

const Source = globalThis.MediaSource ?? globalThis.ManagedMediaSource; // iPhones have only the second

/** @param {string} codecs @returns {boolean} */
export function playable(codecs) {
  return Source?.isTypeSupported(`video/mp4; codecs="${codecs}"`) ?? false;
}

/** @type {WeakMap<HTMLVideoElement, MediaSource>} sources that open already, of videos that no feed has yet */
const opening = new WeakMap();

/**
 * A video whose source begins to open at once: the browser takes a turn of its own for that, and a
 * page that is being laid out leaves it none for a tenth of a second.
 * @returns {HTMLVideoElement}
 */
export function openedAhead() {
  const video = document.createElement("video");
  if (Source) opening.set(video, attached(video));
  return video;
}

/** @param {HTMLVideoElement} video @returns {MediaSource} */
function attached(video) {
  const source = new Source();
  const url = URL.createObjectURL(source);
  source.addEventListener("sourceopen", () => URL.revokeObjectURL(url), { once: true });
  video.disableRemotePlayback = true; // pictures stay on this screen; ManagedMediaSource asks for it
  video.src = url;
  return source;
}

/**
 * @typedef {{kind: "ready", codecs: string} |
 *           {kind: "init", codecs: string, bytes: Uint8Array} |
 *           {kind: "part", bytes: Uint8Array, offset: number} |
 *           {kind: "remove", from: number, to: number}} Work
 */

export class Feed {
  /** @type {Work[]} */
  #queue = [];
  #bytes = 0;
  /** @type {SourceBuffer | null} */
  #buffer = null;
  #codecs = "";
  #closed = false;
  #retried = false;
  #soon = false;

  /**
   * @param {HTMLVideoElement} video  its src is ours until `close`
   * @param {(why: string) => void} onbroken
   * @param {string} [codecs]  what the first init will be of, if that is known; must be `playable`
   */
  constructor(video, onbroken, codecs = "") {
    this.video = video;
    this.onbroken = onbroken;
    this.source = opening.get(video) ?? attached(video);
    opening.delete(video);
    this.source.addEventListener("sourceopen", () => this.#next());
    video.onerror = () => this.#broken(video.error?.message || "decoder");
    if (codecs) this.#push({ kind: "ready", codecs });
  }

  /** @param {string} codecs must be `playable` @param {Uint8Array} bytes */
  init(codecs, bytes) {
    this.#push({ kind: "init", codecs, bytes });
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset  s added to the part's own times
   * @returns {boolean} false: the queue is full and the part was not taken
   */
  part(bytes, offset) {
    if (this.#queue.length >= QUEUE_LIMIT || this.#bytes + bytes.length > QUEUE_BYTES) return false;
    this.#bytes += bytes.length;
    this.#push({ kind: "part", bytes, offset });
    return true;
  }

  remove(from, to) {
    if (to > from) this.#push({ kind: "remove", from, to });
  }

  /** Parts that wait are forgotten; inits and removals stay. */
  clearWaiting() {
    this.#queue = this.#queue.filter((work) => work.kind !== "part");
    this.#bytes = 0;
  }

  /** Nothing waits and nothing is being done: what is buffered is all that was given. */
  get idle() {
    return this.#queue.length === 0 && this.#buffer !== null && !this.#buffer.updating;
  }

  /** @returns {TimeRanges | null} */
  get buffered() {
    try {
      return this.#buffer?.buffered ?? null;
    } catch {
      return null; // removed by the browser
    }
  }

  /** s where the buffered media ends; 0 when there is none. */
  get end() {
    const ranges = this.buffered;
    return ranges && ranges.length > 0 ? ranges.end(ranges.length - 1) : 0;
  }

  /** @returns {[number, number] | null} the buffered range that holds `time` */
  rangeAt(time, slack = 0.02) {
    const ranges = this.buffered;
    for (let index = 0; ranges && index < ranges.length; index += 1) {
      if (ranges.start(index) - slack <= time && time < ranges.end(index)) return [ranges.start(index), ranges.end(index)];
    }
    return null;
  }

  /** s where buffered media begins after `time`; null: nowhere. */
  nextStart(time) {
    const ranges = this.buffered;
    for (let index = 0; ranges && index < ranges.length; index += 1) {
      if (ranges.start(index) > time) return ranges.start(index);
    }
    return null;
  }

  /** The video is left without a picture. Closing twice is harmless. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.video.onerror = null;
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** What is handed over in one turn is appended together: an append costs more than its bytes. */
  #push(work) {
    if (this.#closed) return;
    this.#queue.push(work);
    if (this.#soon) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      this.#next();
    });
  }

  #next() {
    if (this.#closed || this.source.readyState !== "open" || this.#buffer?.updating || this.#queue.length === 0) return;
    try {
      this.#act();
    } catch (error) {
      if (error.name === "QuotaExceededError" && !this.#retried) this.#makeRoom();
      else this.#broken(error.message);
    }
  }

  #act() {
    const work = this.#queue[0];
    if (work.kind === "ready") {
      this.#prepare(work.codecs);
      this.#queue.shift();
      this.#next();
      return;
    }
    if (work.kind === "init") {
      this.#prepare(work.codecs);
      this.#append(work.bytes, this.#queue[1]?.kind === "part" ? this.#together(1) : []);
      return;
    }
    if (this.#buffer === null) {
      this.#queue.shift(); // nothing to remove from, and a part without an init was a mistake of ours
      this.#next();
      return;
    }
    if (work.kind === "remove") {
      this.#buffer.remove(work.from, work.to);
      this.#queue.shift();
      return;
    }
    this.#append(null, this.#together(0));
  }

  /** An init, some parts, or an init with the parts that follow it. */
  #append(init, parts) {
    const buffer = this.#buffer;
    if (parts.length > 0 && buffer.timestampOffset !== parts[0].offset) buffer.timestampOffset = parts[0].offset;
    const pieces = parts.map(({ bytes }) => bytes);
    if (init !== null) pieces.unshift(init);
    buffer.appendBuffer(pieces.length === 1 ? pieces[0] : joined(pieces));
    this.#queue.splice(0, pieces.length);
    this.#bytes -= parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (parts.length > 0) this.#retried = false;
  }

  /** The parts from this place in the queue on that one append may hold. */
  #together(from) {
    const parts = [];
    let bytes = 0;
    for (const work of this.#queue.slice(from)) {
      if (work.kind !== "part" || work.offset !== this.#queue[from].offset) break;
      if (parts.length > 0 && bytes + work.bytes.length > APPEND_BYTES) break;
      parts.push(work);
      bytes += work.bytes.length;
    }
    return parts;
  }

  #prepare(codecs) {
    const type = `video/mp4; codecs="${codecs}"`;
    if (this.#buffer === null) {
      this.source.duration = LENGTH_S;
      this.#buffer = this.source.addSourceBuffer(type);
      this.#buffer.addEventListener("updateend", () => this.#next());
      this.#buffer.addEventListener("error", () => this.#broken("the browser could not read a part"));
    } else if (codecs.toLowerCase() !== this.#codecs) {
      this.#buffer.changeType(type);
    }
    this.#codecs = codecs.toLowerCase(); // the box writes the same in small letters
  }

  /** Once for each refusal: what was already seen goes, then the same part is tried again. */
  #makeRoom() {
    this.#retried = true;
    const ranges = this.buffered;
    const from = ranges && ranges.length > 0 ? ranges.start(0) : 0;
    const to = this.video.currentTime - 1;
    if (to > from) this.#queue.unshift({ kind: "remove", from, to });
    else this.clearWaiting();
    this.#next();
  }

  #broken(why) {
    if (this.#closed) return;
    this.close();
    this.onbroken(why);
  }
}
