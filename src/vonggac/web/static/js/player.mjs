/**
 * A live tile: one camera's stream in one `<video>`, as near to now as it can be, and honest about it.
 *
 * Follow one part: `Session.watch` hands it over, `#live` checks run and sequence, `#append` gives it
 * to the `Feed`, `tick` sees which picture is on the screen and says how old it is.
 * No word and no DOM but the video's: `wall.mjs` shows what `status` says.
 */

import { lookOf } from "./age.mjs";
import { codecsOf, readPart, TICKS_A_SECOND } from "./boxes.mjs";
import { Feed, playable } from "./feed.mjs";
import { Pace, WallMap } from "./pace.mjs";

/** Live parts that wait for the answer of `open`: 64 are 12 s. More: wait for a keyframe instead. */
const HELD_LIMIT = 64;
/** What was seen is kept this long and dropped in pieces this large, s. */
const KEEP_S = 6;
const TRIM_S = 6;
/** No part for this long although the stream is said to be live: ask again, ms. */
const SILENT_MS = 6_000;
/** Longest wait before asking again after a failure, ms. */
const BACK_OFF_LIMIT_MS = 5_000;
/** A tick that comes this late means that the machine slept or the tab was frozen, ms. */
const SLEPT_MS = 4_000;
/** Jumps within this time, ms: the second one waits for a keyframe, since the decoder is behind. */
const SECOND_JUMP_MS = 10_000;
/** A last picture is played up to this much before the end of what came, s. */
const START_BEHIND_S = 0.1;
/** Tiles that were opened and show nothing yet, and how long the others wait for them, ms. */
const blank = new Set();
const OTHERS_FIRST_MS = 400;
/** A GOP that is this much longer is not played up to now, but sought in, s. */
const CATCH_UP_S = 5;
/** How fast it is played: so many times faster for each second that is left, at most so fast. */
const CATCH_UP_RATE = 6;
const CATCH_UP_FASTEST = 12;
/** What lies ahead when it is played at its own speed again: the next part is 200 ms away, s. */
const CAUGHT_UP_S = 0.25;

/**
 * @typedef {object} Status
 * @property {import("./age.mjs").Look} look
 * @property {number} age               ms; of the picture on the screen
 * @property {number | null} wall       ms since 1970 of the picture on the screen
 * @property {number | null} latency    ms from taking to showing, when last measured
 * @property {string} stream            "main" | "sub"
 * @property {"opening" | "live" | "stalled" | "gap"} state  as the edge says
 * @property {string | null} cause
 * @property {number | null} since      ms since 1970
 * @property {null | "forbidden" | "codec" | "unavailable"} problem
 * @property {string} codec             what could not be played
 * @property {number | null} first      ms from opening to the first picture
 * @property {number} dropped           parts not shown (slow tab, holes)
 */

export class LivePicture {
  /** @type {Feed | null} */
  #feed = null;
  #pace = new Pace();
  #map = new WallMap();
  #stopWatching = () => {};
  #abort = new AbortController();
  /** @type {{run: string, seq: number, offset: number, body: Uint8Array}[]} live parts that came before the answer of open */
  #held = [];
  #asking = false;
  #run = "";
  #nextSeq = 0;
  #needKey = true;
  /** s added to (segment offset + decode time) of this run: it may be days old, and is moved to 0 or to where the last run ended */
  #base = NaN;
  /** s where the newest part taken ends */
  #end = 0;
  #started = false;
  /** the current GOP is being played fast, up to now */
  #running = false;
  #attempts = 0;
  #retryAt = Infinity;
  #openedAt = 0;
  #lastPartAt = 0;
  #lastTick = 0;
  #lastJump = -Infinity;
  #sighting = 0;
  #breaks = 0;
  #codecs = "";

  /**
   * @param {object} options
   * @param {HTMLVideoElement} options.video
   * @param {import("./session.mjs").Session} options.session
   * @param {string} options.camera
   * @param {() => number} options.serverNow  ms since 1970 by the server's clock
   * @param {() => void} [options.onfirst]  a first picture is there: the next tick need not be waited for
   */
  constructor({ video, session, camera, serverNow, onfirst = () => {} }) {
    this.video = video;
    this.session = session;
    this.camera = camera;
    this.serverNow = serverNow;
    this.onfirst = onfirst;
    /** @type {Status} */
    this.status = blankStatus("sub");
    video.muted = true;
    video.playsInline = true;
    video.disablePictureInPicture = true;
    video.addEventListener("waiting", () => this.#started && this.#pace.stalled());
  }

  get isOpen() {
    return this.#openedAt > 0;
  }

  /**
   * Starts from the current GOP of `stream`. What was shown before is not kept.
   * @param {"main" | "sub"} stream
   * @param {string} [codecs]  as far as known: the browser makes its decoder ready while the GOP is on its way
   */
  open(stream, codecs = "") {
    this.close();
    this.#codecs = codecs;
    this.status = blankStatus(stream);
    this.#openedAt = performance.now();
    this.#lastTick = this.#openedAt;
    blank.add(this);
    this.#stopWatching = this.session.watch(this.camera, stream, (message) => this.#live(message));
    this.#ask();
    if (codecs && playable(codecs)) this.#feed = new Feed(this.video, (why) => this.#broken(why), codecs);
  }

  /** Blank, nothing asked, nothing received. Closing twice is harmless. */
  close() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#stopWatching();
    this.#stopWatching = () => {};
    this.#openedAt = 0;
    this.#retryAt = Infinity;
    this.#reset();
    this.status = blankStatus(this.status.stream);
  }

  #reset() {
    this.#feed?.close();
    this.#feed = null;
    this.#pace.forget();
    this.#map = new WallMap();
    this.#held = [];
    this.#asking = false;
    this.#run = "";
    this.#needKey = true;
    this.#end = 0;
    blank.delete(this);
    this.#started = false;
    this.#running = false;
    this.video.playbackRate = 1;
    this.#sighting += 1;
    this.status.wall = null;
  }

  // -- asking -------------------------------------------------------------------------------------

  async #ask() {
    if (this.#asking) return;
    this.#asking = true;
    this.#retryAt = Infinity;
    const { signal } = this.#abort;
    const opening = { meta: null, codecs: "" };
    try {
      await this.session.askFrames(
        this.camera,
        "open",
        { stream: this.status.stream, extend: false, lease_s: 30 },
        (frame, index) => !signal.aborted && this.#frame(opening, frame, index),
        signal,
      );
      if (signal.aborted) return;
      this.#attempts = 0;
      this.#asking = false;
      this.status.problem = null;
      this.#lastPartAt = performance.now();
      this.#catchUp();
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
    }
  }

  #frame(opening, frame, index) {
    if (index === 0) {
      opening.meta = JSON.parse(new TextDecoder().decode(frame));
      this.#tell(opening.meta.state, opening.meta.cause, opening.meta.since);
    } else if (index === 1) {
      this.#beginRun(opening.meta, frame);
    } else {
      this.#append({ seq: opening.meta.seq + index - 2, offset: opening.meta.dt / TICKS_A_SECOND, body: frame });
    }
  }

  #beginRun(meta, init) {
    if (this.#feed !== null && meta.run === this.#run) {
      if (this.#needKey) this.#nextSeq = meta.seq; // the GOP's keyframe is what we wait for
      return;
    }
    const codecs = codecsOf(init);
    if (!playable(codecs)) throw Object.assign(new Error(codecs), { kind: "codec" });
    this.#feed ??= new Feed(this.video, (why) => this.#broken(why));
    this.#feed.init(codecs, init);
    this.#run = meta.run;
    this.#nextSeq = meta.seq;
    this.#needKey = true;
    this.#base = NaN;
  }

  #failed(error) {
    this.#asking = false;
    blank.delete(this);
    if (error.kind === "aborted") return;
    if (error.kind === "forbidden" || error.kind === "codec") {
      this.#stopWatching();
      this.#stopWatching = () => {};
      this.#reset();
      this.status.problem = error.kind;
      this.status.codec = error.kind === "codec" ? error.message : "";
      return;
    }
    this.status.problem = "unavailable";
    this.#attempts += 1;
    this.#retryAt = performance.now() + Math.min(BACK_OFF_LIMIT_MS, 400 * 2 ** Math.min(this.#attempts, 5));
  }

  #broken(_why) {
    this.#breaks += 1;
    this.#reset();
    this.#attempts = Math.max(this.#attempts, this.#breaks);
    this.#retryAt = performance.now() + Math.min(BACK_OFF_LIMIT_MS, 200 * this.#breaks);
  }

  // -- live parts ---------------------------------------------------------------------------------

  #live({ fields, body }) {
    if (!this.isOpen) return;
    if (body.length === 0) {
      this.#tell(fields.get("Vg-State") ?? "live", fields.get("Vg-Cause") || null, fields.get("Vg-Since") ?? null);
      return;
    }
    const message = {
      run: fields.get("Vg-Run") ?? "",
      seq: Number(fields.get("Vg-Seq")),
      offset: Number(fields.get("Vg-Dt")) / TICKS_A_SECOND,
      body,
    };
    if (this.#asking) this.#hold(message);
    else if (message.run !== this.#run) {
      this.#hold(message);
      if (this.#retryAt === Infinity) this.#ask();
    } else this.#appendLive(message);
  }

  /** Bytes that cannot be read spoil this feed, not the connection that brought them. */
  #appendLive(message) {
    try {
      this.#append(message);
    } catch (error) {
      this.#broken(error.message);
    }
  }

  #hold(message) {
    if (this.#held.length >= HELD_LIMIT) this.#held.shift(); // a hole: `#append` then waits for a keyframe
    this.#held.push(message);
  }

  #catchUp() {
    const held = this.#held;
    this.#held = [];
    for (const message of held) if (message.run === this.#run) this.#appendLive(message);
    this.#start();
  }

  #append({ seq, offset, body }) {
    if (this.#feed === null || seq < this.#nextSeq) return;
    const now = performance.now();
    this.#lastPartAt = now;
    if (seq > this.#nextSeq) this.#needKey = true;
    this.#nextSeq = seq + 1;
    const part = readPart(body);
    if (this.#needKey && !part.key) {
      this.status.dropped += 1;
      return;
    }
    if (Number.isNaN(this.#base)) this.#base = this.#end - (offset + part.start);
    const start = this.#base + offset + part.start;
    if (this.#started && !this.#running) this.#steer(now, start, part.key);
    if (!this.#feed.part(body, this.#base + offset)) {
      this.#needKey = true;
      this.status.dropped += 1;
      return;
    }
    this.#needKey = false;
    this.#end = start + part.duration;
    this.#map.add(start + part.first, part.wall);
    this.#tell("live", null, null);
    if (!this.#started && !this.#asking) this.#start();
  }

  #steer(now, start, key) {
    const { rate, jump } = this.#pace.see(now, start - this.video.currentTime);
    if (!jump) {
      if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
      return;
    }
    if (now - this.#lastJump < SECOND_JUMP_MS && !key) {
      this.#needKey = true; // the decoder is behind: begin afresh at the next keyframe
      return;
    }
    this.#lastJump = now;
    this.#pace.forget();
    this.video.playbackRate = 1;
    this.video.currentTime = key ? start : Math.max(0, start - START_BEHIND_S);
  }

  #start() {
    if (this.#started || this.#feed === null || this.#needKey) return;
    this.#started = true;
    this.#running = true; // nothing steers before it plays
    const { video } = this;
    const turn = this.#sighting;
    const begin = () => {
      if (turn !== this.#sighting) return;
      if (this.#end - video.currentTime > CATCH_UP_S) video.currentTime = Math.max(0, this.#end - START_BEHIND_S);
      this.#look();
      this.#play(turn);
    };
    if (video.readyState > 0) begin();
    else video.addEventListener("loadedmetadata", begin, { once: true });
  }

  /** Stands on its keyframe while other tiles have none yet: decoders share the processor. */
  #play(turn) {
    if (turn !== this.#sighting) return;
    if (blank.size > 0 && performance.now() - this.#openedAt < OTHERS_FIRST_MS) {
      setTimeout(() => this.#play(turn), 20);
      return;
    }
    this.#runAfter(turn);
    this.video.play().catch(() => {}); // a paused video is seen by its age
  }

  /**
   * The keyframe is shown as soon as it is decoded, and the rest of the GOP is played fast: a seek to
   * its end would show nothing until all of it is decoded, and begin by throwing the decoder away.
   */
  #runAfter(turn) {
    const { video } = this;
    const run = () => {
      if (turn !== this.#sighting) return;
      const over = this.#end - video.currentTime - CAUGHT_UP_S;
      this.#running = over > 0.05;
      video.playbackRate = this.#running ? Math.min(CATCH_UP_FASTEST, 1.2 + over * CATCH_UP_RATE) : 1;
      if (!this.#running) this.#pace.forget();
      else if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(run);
      else setTimeout(run, 50);
    };
    run();
  }

  // -- what is on the screen ----------------------------------------------------------------------

  /** Five times a second by the page. @param {number} now performance.now() @returns {Status} */
  tick(now) {
    if (!this.isOpen) return this.status;
    if (now - this.#lastTick > SLEPT_MS) {
      this.open(this.status.stream, this.#codecs); // the old frame is not kept
      return this.status;
    }
    this.#lastTick = now;
    if (now >= this.#retryAt) this.#ask();
    const silent = this.#started && this.status.state === "live" && now - this.#lastPartAt > SILENT_MS;
    if (silent && !this.#asking && this.#retryAt === Infinity) this.#ask();
    this.#overHoles();
    this.#trim();
    const facts = { wall: this.status.wall, now: this.serverNow(), ended: this.status.state === "gap" };
    Object.assign(this.status, lookOf(facts));
    return this.status;
  }

  /** Remembers the picture that is presented next, and so on while this feed lives. */
  #look() {
    const turn = this.#sighting;
    const { video } = this;
    const seen = (mediaTime, shownAt) => {
      if (turn !== this.#sighting) return;
      const wall = this.#map.wallAt(mediaTime);
      if (wall !== null) {
        this.status.wall = wall;
        this.status.latency = this.serverNow() - (performance.now() - shownAt) - wall;
        this.status.problem = null;
        if (this.status.first === null) {
          this.status.first = Math.max(0, shownAt - this.#openedAt);
          blank.delete(this);
          this.onfirst();
        }
      }
      setTimeout(() => turn === this.#sighting && this.#look(), 100);
    };
    if (video.requestVideoFrameCallback) {
      video.requestVideoFrameCallback((_now, { mediaTime, expectedDisplayTime }) => seen(mediaTime, expectedDisplayTime));
    } else {
      setTimeout(() => video.readyState >= 2 && seen(video.currentTime, performance.now()), 100);
    }
  }

  #overHoles() {
    if (!this.#started || this.#feed === null || this.video.seeking) return;
    const time = this.video.currentTime;
    const range = this.#feed.rangeAt(time);
    if (range !== null && range[1] - time > 0.05) return;
    const next = this.#feed.nextStart(range ? range[1] : time);
    if (next !== null) this.video.currentTime = next;
  }

  #trim() {
    const from = this.#feed?.buffered?.length ? this.#feed.buffered.start(0) : 0;
    const to = this.video.currentTime - KEEP_S;
    if (this.#started && to - from > TRIM_S) this.#feed.remove(from, to);
  }

  #tell(state, cause, since) {
    if (state === "gap") blank.delete(this); // nobody waits for a picture that does not come
    this.status.state = state;
    this.status.cause = cause;
    this.status.since = since === null ? null : Number(BigInt(since) / 1_000_000n);
  }
}

/** @returns {Status} */
function blankStatus(stream) {
  return {
    look: "blank",
    age: 0,
    wall: null,
    latency: null,
    stream,
    state: "opening",
    cause: null,
    since: null,
    problem: null,
    codec: "",
    first: null,
    dropped: 0,
  };
}
