/**
 * What one page may see: a grant and the connection it opens, renewed before it ends.
 *
 * A renewal makes the next connection first, subscribes the same subjects, extends the leases under
 * the new grant, and closes the old connection when every stream has changed over (`Splice`).
 * Trouble is told through `onstate`: "opening", "open", "renewing" (late, and still seeing), "lost"
 * (trying again), "refused" (sign in again).
 */

import { Answer, FrameCutter, Refused, WINDOW, jsonOf } from "./answers.mjs";
import { headers } from "./frames.mjs";
import { begin, connect } from "./nats.mjs";
import { makeKey } from "./nkey.mjs";
import { Splice } from "./splice.mjs";

/** A renewal begins this long before the end, ms; three attempts fit before it is late. */
const RENEW_BEFORE_MS = 40_000;
/** Under this the page is told that renewing is late, ms (at least 15 s). */
const LATE_MS = 15_000;
/** Longest wait between attempts, ms. */
const BACK_OFF_LIMIT_MS = 5_000;
/** An old connection waits this long for streams to change over and answers to end, ms. */
const LINGER_MS = 4_000;
/** A lease is asked for and how often it is extended, s and ms (subjects.md: 0 to 30). */
const LEASE_S = 30;
const EXTEND_EVERY_MS = 12_000;
/** A stream that nobody wants any more is given back after this, ms: what replaces it is asked for first. */
const GIVE_BACK_MS = 400;
/** No message of an answer for this long, ms. */
const ANSWER_LIMIT_MS = 10_000;
/** Questions under way at once, a wall of 25 tiles; the box answers 8 of a grant at a time and keeps 64 (subjects.md, limits). */
const UNDER_WAY_LIMIT = 32;
/** Questions that wait for their turn: a wall's leases, and playback's prefetch. */
const QUESTION_LIMIT = 96;
/** "Too many" of the whole box is asked again, so often and after about so long, ms. */
const TOO_MANY_TRIES = 6;
const TOO_MANY_MS = 150;
/** Cameras in one grant; its token must stay under the control line (64 kB). */
export const CAMERA_LIMIT = 64;

const encoder = new TextEncoder();

/**
 * @typedef {object} Grant the answer of POST /grants, subjects.md "Grants"
 * @property {string} token
 * @property {string} grant
 * @property {{live: Record<string, Record<string, string>>, ask: Record<string, Record<string, string>>, re: string, re_all: string}} subjects
 * @property {string} websocket
 * @property {number} lasts_ms  how long it still lasts, by the server's own clock
 */

/**
 * @typedef {object} Watch one live stream that a tile wants
 * @property {string} camera
 * @property {string} stream
 * @property {Splice<LiveMessage>} splice
 * @property {(message: LiveMessage) => void} taker
 * @property {boolean} opened   its tile has had a connection to ask `open` on
 */

/**
 * @typedef {object} LiveMessage
 * @property {Map<string, string>} fields header fields
 * @property {Uint8Array} body            a part; empty: the stream's state changed
 */

export class Session {
  /** @type {Lane | null} */
  #lane = null;
  #laneCount = 0;
  /** @type {Set<Watch>} */
  #watches = new Set();
  /** @type {Set<string>} cameras that the next grant must name */
  #wanted = new Set();
  /** @type {Set<string>} cameras that the last grant was asked for */
  #asked = new Set();
  #timer = 0;
  #leaseTimer = 0;
  #attempts = 0;
  /** @type {string | undefined} the newest grant: the next one goes on with its view */
  #last;
  #renewing = null;
  #closed = false;
  #websocket;
  #waiting = [];
  #question = 0;
  #underWay = 0;
  /** @type {(() => void)[]} questions that wait for their turn */
  #turns = [];
  #readied = () => {};

  /**
   * @param {object} options
   * @param {(nkey: string, cameras: string[], renews?: string) => Promise<Grant>} options.obtain  asks the web server
   * @param {((grantId: string) => void) | null} [options.release]  told on leaving which grant is needed no more
   * @param {string[]} options.cameras  the first cameras wanted
   * @param {string} [options.websocket]  where the first grant will lead, as the page knows it
   */
  constructor({ obtain, release = null, cameras, websocket = "" }) {
    this.obtain = obtain;
    this.release = release;
    this.#websocket = websocket;
    /** @type {(state: string, since: number) => void} set by the page when it is ready to say it */
    this.onstate = () => {};
    this.state = "opening";
    /** @type {string | null} why the server refuses, a code of its answer */
    this.why = null;
    /** ms since 1970 by this machine's clock: when the state began */
    this.since = Date.now();
    this.renewals = 0;
    /** @type {Promise<void>} fulfilled when questions can be sent, or the first attempt has failed */
    this.ready = new Promise((done) => (this.#readied = done));
    for (const camera of cameras.slice(0, CAMERA_LIMIT)) this.#wanted.add(camera);
    this.#leaseTimer = setInterval(() => this.#extendLeases(), EXTEND_EVERY_MS);
    this.renew();
  }

  /** Cameras that will be looked at from now on. Asks for a new grant when the present one lacks some. */
  want(cameras) {
    if (cameras.length === 0) return; // a grant names at least one
    this.#wanted = new Set(cameras.slice(0, CAMERA_LIMIT));
    if (this.#lane !== null && cameras.some((camera) => !this.#asked.has(camera))) this.renew();
  }

  /** Live messages of a stream until the returned function is called; starts and keeps its lease. */
  watch(camera, stream, taker) {
    /** @type {Watch} */
    const watch = { camera, stream, splice: new Splice(), taker, opened: this.#lane !== null };
    this.#watches.add(watch);
    this.#lane?.add(watch);
    return () => {
      if (!this.#watches.delete(watch)) return;
      this.#lane?.remove(watch);
      setTimeout(() => this.#giveBack(camera, stream), GIVE_BACK_MS);
    };
  }

  #giveBack(camera, stream) {
    const wanted = [...this.#watches].some((watch) => watch.camera === camera && watch.stream === stream);
    if (!wanted && !this.#closed) this.ask(camera, "open", { stream, extend: true, lease_s: 0 }).catch(() => {});
  }

  /**
   * A question with its answer in frames; `onframe` gets each as soon as it is whole.
   * @param {string} camera
   * @param {"open" | "gop"} verb
   * @param {object} body
   * @param {(frame: Uint8Array, index: number) => void} onframe
   * @param {AbortSignal} [signal]
   * @throws {Refused}
   */
  async askFrames(camera, verb, body, onframe, signal) {
    const cutter = new FrameCutter();
    let index = 0;
    await this.#exchange(camera, verb, body, signal, (chunk) => {
      for (const frame of cutter.feed(chunk)) {
        onframe(frame, index);
        index += 1;
      }
    });
  }

  /** A question with a JSON answer; for `open` its meta is not read. @throws {Refused} */
  async ask(camera, verb, body, signal) {
    const chunks = [];
    const type = await this.#exchange(camera, verb, body, signal, (chunk) => chunks.push(chunk));
    return type === "application/json" ? jsonOf(chunks) : chunks;
  }

  /** A question with bytes for an answer, as a Blob. @throws {Refused} */
  async askBlob(camera, verb, body, signal) {
    const chunks = [];
    const type = await this.#exchange(camera, verb, body, signal, (chunk) => chunks.push(chunk));
    return new Blob(chunks, { type });
  }

  close() {
    if (!this.#closed && this.#last !== undefined) this.release?.(this.#last);
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#leaseTimer);
    [...this.#watches].forEach(({ camera, stream }, number) => this.#lane?.giveBack(camera, stream, number));
    this.#lane?.end();
    this.#settleWaiting(new Refused("lost", "the session was closed"));
  }

  /** One renewal at a time; a second wish is served by the one under way or the next. */
  renew() {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#renewing ??= this.#renewOnce()
      .then(
        () => (this.#attempts = 0),
        (error) => this.#failed(error),
      )
      .finally(() => {
        this.#renewing = null;
        const late = this.#lane !== null && [...this.#wanted].some((camera) => !this.#asked.has(camera));
        if (late) this.renew(); // wanted while the grant was being asked for
      });
  }

  /** A grant for whoever is signed in now, whatever is under way; resolves when it was asked for. */
  async renewed() {
    await this.#renewing;
    this.renew();
    await this.#renewing;
  }

  async #renewOnce() {
    const granted = this.#granted();
    const connection = (await this.#begun(granted)) ?? (await this.#connected(granted));
    const { grant } = await granted;
    if (this.#closed) {
      connection.close();
      return;
    }
    this.#laneCount += 1;
    const old = this.#lane;
    const lane = new Lane(this.#laneCount, connection, grant);
    connection.onended = (why) => this.#ended(lane, why);
    this.#lane = lane;
    this.#readied();
    for (const watch of this.#watches) lane.add(watch);
    this.#extendLeases(); // under the new grant
    for (const watch of this.#watches) watch.opened = true;
    if (old) {
      this.renewals += 1;
      this.#retire(old, lane);
    }
    this.#settleWaiting(null);
    await connection.accepted; // the first questions went out behind the credentials
    this.#become("open");
    this.#schedule(renewAfter(grant.lasts_ms));
  }

  /** A key of our own and what the server allows it. @returns {Promise<{key: import("./nkey.mjs").Key, grant: Grant}>} */
  async #granted() {
    const key = await makeKey();
    this.#asked = new Set(this.#wanted);
    const grant = await this.obtain(key.name, [...this.#asked], this.#last);
    this.#last = grant.grant_id;
    return { key, grant };
  }

  /** The page's first connection, begun while its grant is asked for; null: none, or not to be had this way. */
  async #begun(granted) {
    const url = this.#websocket;
    this.#websocket = ""; // a renewal is in no hurry
    if (!url) return null;
    const credentials = granted.then(({ grant, key }) => {
      if (grant.websocket !== url) throw new Refused("lost", "the bus is elsewhere");
      return { token: grant.token, key };
    });
    credentials.catch(() => {}); // the connection hears it, and ends
    const connection = begin({ url, credentials }).catch(() => null);
    await granted;
    return connection;
  }

  async #connected(granted) {
    const { grant, key } = await granted;
    return connect({ url: grant.websocket, credentials: { token: grant.token, key } });
  }

  #schedule(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.renew(), delay);
  }

  /** The old connection closes when nothing depends on it any more, and in any case soon. */
  #retire(old, lane) {
    const until = performance.now() + LINGER_MS;
    const look = () => {
      const settled = [...this.#watches].every((watch) => watch.splice.settledOn(lane.number));
      if ((settled && old.idle) || performance.now() > until || this.#closed) old.end();
      else setTimeout(look, 100);
    };
    setTimeout(look, 250);
  }

  #ended(lane, why) {
    for (const watch of this.#watches) {
      for (const message of watch.splice.gone(lane.number)) watch.taker(message);
    }
    lane.abandon();
    if (lane !== this.#lane || this.#closed) return;
    this.#lane = null;
    this.#become(why.kind === "refused" ? "refused" : "lost");
    this.renew();
  }

  #failed(error) {
    this.#readied();
    if (this.#closed) return;
    this.#attempts += 1;
    const refusedByServer = error.kind === "refused" || error.kind === "unauthenticated" || error.kind === "forbidden";
    if (this.#lane !== null) this.#become("renewing");
    else if (refusedByServer) this.#become("refused", error.detail);
    else this.#become("lost");
    this.#settleWaiting(new Refused("lost", error.message));
    const wait = Math.min(BACK_OFF_LIMIT_MS, 250 * 2 ** Math.min(this.#attempts, 5));
    this.#schedule(wait * (0.75 + Math.random() / 2)); // jitter: a hub that comes back meets all its pages
  }

  #become(state, why = null) {
    if (state === this.state && why === this.why) return;
    if (state !== this.state) this.since = Date.now();
    this.state = state;
    this.why = why;
    this.onstate(state, this.since);
  }

  #extendLeases() {
    for (const { camera, stream, opened } of this.#watches) {
      if (!opened) continue; // its first `open` is on its way
      this.ask(camera, "open", { stream, extend: true, lease_s: LEASE_S }).catch(() => {});
    }
  }

  async #exchange(camera, verb, body, signal, onchunk) {
    for (let attempt = 1; ; attempt += 1) {
      await this.#turn();
      try {
        const lane = this.#lane?.names(camera) ? this.#lane : await this.#laneFor(camera);
        if (signal?.aborted) throw new Refused("aborted", "no longer wanted");
        this.#question += 1;
        return await lane.exchange(camera, verb, body, this.#question.toString(36), signal, onchunk);
      } catch (error) {
        if (error.kind !== "too_many" || attempt >= TOO_MANY_TRIES || this.#closed) throw error;
      } finally {
        this.#underWay -= 1;
        this.#turns.shift()?.();
      }
      await new Promise((wake) => setTimeout(wake, TOO_MANY_MS * (0.5 + Math.random()) * attempt));
    }
  }

  /** Resolves when one more question may be under way; first come, first served. */
  async #turn() {
    if (this.#underWay >= UNDER_WAY_LIMIT) {
      if (this.#turns.length >= QUESTION_LIMIT) throw new Refused("too_many", "too many questions wait");
      await new Promise((resolve) => this.#turns.push(resolve));
    }
    this.#underWay += 1;
  }

  /** Waits for the connection that is being made; at most ANSWER_LIMIT_MS. */
  async #laneFor(camera) {
    if (this.#closed) throw new Refused("lost", "the session was closed");
    await new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Refused("timed_out", "no connection")), ANSWER_LIMIT_MS);
      this.#waiting.push((error) => {
        clearTimeout(limit);
        if (error) reject(error);
        else resolve();
      });
    });
    if (!this.#lane?.names(camera)) throw new Refused("forbidden", "the grant does not name this camera");
    return this.#lane;
  }

  #settleWaiting(error) {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const settle of waiting) settle(error);
  }
}

/**
 * How long after a grant of `lasts` ms the next is asked for: well before its end, and a short grant
 * (tests use seconds) at half its life.
 */
export function renewAfter(lasts) {
  const before = Math.min(RENEW_BEFORE_MS, Math.max(LATE_MS + 1_000, lasts / 2), lasts / 2);
  return Math.max(250, lasts - before);
}

/** One connection with its grant. */
class Lane {
  /** @type {Map<Watch, number>} */
  #sids = new Map();
  /** @type {Map<string, {take: (message: object) => void, fail: (error: Refused) => void}>} by question; at most UNDER_WAY_LIMIT */
  #answers = new Map();

  constructor(number, connection, grant) {
    this.number = number;
    this.connection = connection;
    this.grant = grant;
    connection.subscribe(grant.subjects.re_all, (message) => {
      this.#answers.get(message.subject.slice(message.subject.lastIndexOf(".") + 1))?.take(message);
    });
  }

  get idle() {
    return this.#answers.size === 0;
  }

  names(camera) {
    return camera in this.grant.subjects.ask;
  }

  add(watch) {
    const subject = this.grant.subjects.live[watch.camera]?.[watch.stream];
    if (subject === undefined || this.#sids.has(watch)) return;
    const sid = this.connection.subscribe(subject, ({ head, body }) => {
      const fields = headers(head);
      const message = { fields, body };
      if (body.length === 0) {
        watch.taker(message); // a state: told twice is told once
        return;
      }
      const [run, seq] = [fields.get("Vg-Run") ?? "", Number(fields.get("Vg-Seq"))];
      for (const next of watch.splice.offer(this.number, run, seq, message)) watch.taker(next);
    });
    this.#sids.set(watch, sid);
  }

  remove(watch) {
    const sid = this.#sids.get(watch);
    if (sid !== undefined) this.connection.unsubscribe(sid);
    this.#sids.delete(watch);
  }

  /** @returns {Promise<string>} the answer's type, when its last chunk was handed on */
  exchange(camera, verb, body, n, signal, onchunk) {
    return new Promise((resolve, reject) => {
      const subject = this.grant.subjects.ask[camera]?.[verb];
      if (subject === undefined) return reject(new Refused("forbidden", "the grant does not allow this"));
      const reply = `${this.grant.subjects.re}.${n}`;
      const answer = new Answer();
      let limit = 0;
      const settle = (act) => {
        clearTimeout(limit);
        signal?.removeEventListener("abort", abort);
        this.#answers.delete(n);
        act();
      };
      const fail = (error) => settle(() => reject(error));
      const abort = () => fail(new Refused("aborted", "no longer wanted"));
      const arm = () => {
        clearTimeout(limit);
        limit = setTimeout(() => fail(new Refused("timed_out", "no answer in time")), ANSWER_LIMIT_MS);
      };
      const take = (message) => {
        const step = answer.take(message);
        if (step.kind === "refused") return fail(step.refused);
        try {
          onchunk(step.chunk);
        } catch (error) {
          return fail(error);
        }
        if (step.kind === "last") return settle(() => resolve(answer.type));
        if (step.credit > 0 && answer.creditSubject) {
          this.connection.publish(answer.creditSubject, encoder.encode(JSON.stringify({ chunks: step.credit })), { reply });
        }
        return arm();
      };
      this.#answers.set(n, { take, fail });
      signal?.addEventListener("abort", abort);
      arm();
      this.connection.publish(subject, encoder.encode(JSON.stringify(body)), {
        reply,
        headers: { "Vg-Grant": this.grant.grant, "Vg-Window": String(WINDOW) },
      });
      return undefined;
    });
  }

  /** On leaving the page: nobody waits for the answer; a lease that is not heard of ends by itself. */
  giveBack(camera, stream, number) {
    const subject = this.grant.subjects.ask[camera]?.open;
    if (subject === undefined) return;
    this.connection.publish(subject, encoder.encode(JSON.stringify({ stream, extend: true, lease_s: 0 })), {
      reply: `${this.grant.subjects.re}.bye${number}`,
      headers: { "Vg-Grant": this.grant.grant },
    });
  }

  /** Every question under way fails as "lost". */
  abandon() {
    for (const { fail } of [...this.#answers.values()]) fail(new Refused("lost", "the connection ended"));
  }

  end() {
    this.connection.close();
  }
}
