/**
 * One connection of one viewer to nats-server over WebSocket.
 *
 * It does not reconnect by itself: a viewer's token lives two minutes, and `session.mjs` makes the
 * next connection before this one ends. Everything runs on the page's one thread.
 */

import { Frames, PING, PONG, connectLine, joined, publishFrame, subscribeLine, unsubscribeLine } from "./frames.mjs";
import { base64url } from "./nkey.mjs";

/** A handshake that takes longer has failed, ms. */
const CONNECT_LIMIT_MS = 5_000;
/** Our own question whether the other end lives, ms; two unanswered ones close the connection. */
const PING_EVERY_MS = 5_000;
/** Bytes not yet taken by the socket above which a viewer's connection is given up. */
const SEND_LIMIT = 1024 * 1024;

/** The connection could not be made, or ended; `kind` is "unreachable" | "refused" | "expired" | "broken". */
export class ConnectionEnded extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/**
 * @param {object} options
 * @param {string} options.url        ws:// or wss://
 * @param {Credentials | Promise<Credentials>} options.credentials  the server waits 2 s for them, from its greeting
 * @returns {Promise<Connection>}     connected and accepted by the server
 * @throws {ConnectionEnded}
 */
export async function connect(options) {
  const connection = begun(options);
  await connection.accepted;
  return connection;
}

/**
 * The same, without waiting for the server's word: what is said goes out behind the credentials.
 * @returns {Promise<Connection>}     `accepted` says what the server thinks of them
 * @throws {ConnectionEnded}
 */
export async function begin(options) {
  const connection = begun(options);
  await connection.introduced;
  return connection;
}

function begun({ url, credentials }) {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const connection = new Connection(socket, credentials);
  const limit = setTimeout(() => connection.end("unreachable", "no answer in time"), CONNECT_LIMIT_MS);
  const settled = () => clearTimeout(limit);
  connection.accepted.then(settled, settled);
  return connection;
}

/** @typedef {(message: import("./frames.mjs").Message) => void} Taker */
/** @typedef {{token: string, key: import("./nkey.mjs").Key}} Credentials a NATS user JWT and the key that it names */

export class Connection {
  /** @type {Map<number, Taker>} */
  #takers = new Map();
  #nextSid = 1;
  #unanswered = 0;
  #timer = 0;
  #lastError = "";
  /** @type {Uint8Array[]} */
  #out = [];

  constructor(socket, credentials) {
    this.socket = socket;
    /** @type {ConnectionEnded | null} */
    this.ended = null;
    /** Called once, with why. */
    this.onended = (_why) => {};
    /** Called for each -ERR that does not end the connection (permissions). */
    this.onerror = (_sentence) => {};
    const [introduced, accepted] = [settleable(), settleable()];
    /** Resolves when the credentials were sent. */
    this.introduced = introduced.promise;
    /** Resolves when the server has taken them. */
    this.accepted = accepted.promise;
    this.#settle = { introduced: introduced.resolve, accepted: accepted.resolve, ended: [introduced.reject, accepted.reject] };
    const frames = new Frames({
      info: (info) => this.#introduce(info, credentials),
      message: (message) => this.#takers.get(message.sid)?.(message),
      ping: () => this.#send(PONG),
      pong: () => this.#heard(),
      error: (sentence) => this.#refused(sentence),
    });
    socket.onmessage = (event) => this.#receive(frames, event.data);
    socket.onerror = () => {}; // a close event follows, and says as much as browsers tell
    socket.onclose = () => this.end(...closing(this.#lastError));
  }

  #settle;

  /** @returns {number} the subscription's number; messages that come later go to `taker` */
  subscribe(subject, taker) {
    const sid = this.#nextSid;
    this.#nextSid += 1;
    this.#takers.set(sid, taker);
    this.#send(subscribeLine(subject, sid));
    return sid;
  }

  unsubscribe(sid) {
    if (this.#takers.delete(sid)) this.#send(unsubscribeLine(sid));
  }

  /** @param {string} subject @param {Uint8Array} body */
  publish(subject, body, { reply = "", headers = {} } = {}) {
    this.#send(publishFrame(subject, body, reply, headers));
  }

  close() {
    this.end("closed", "closed by us");
  }

  /** Closing twice is harmless. */
  end(kind, message) {
    if (this.ended) return;
    this.#flush();
    this.ended = new ConnectionEnded(kind, message);
    clearInterval(this.#timer);
    this.#takers.clear();
    this.socket.close();
    for (const reject of this.#settle.ended) reject(this.ended);
    this.onended(this.ended);
  }

  #receive(frames, data) {
    if (this.ended) return;
    try {
      frames.feed(new Uint8Array(data));
    } catch (error) {
      this.end("broken", error.message);
    }
  }

  async #introduce(info, credentials) {
    if (this.#timer) return; // a later INFO only tells of the cluster
    this.#timer = setInterval(() => this.#ask(), PING_EVERY_MS);
    let token;
    let signature;
    try {
      const known = await credentials;
      token = known.token;
      signature = await known.key.sign(new TextEncoder().encode(info.nonce ?? ""));
    } catch (error) {
      this.end("refused", error.message);
      return;
    }
    this.#send(
      connectLine({
        jwt: token,
        sig: base64url(signature),
        name: "viewer",
        lang: "vonggac-browser",
        version: "1",
        protocol: 1,
        headers: true,
        no_responders: true,
        echo: false,
        verbose: false,
        pedantic: false,
      }),
    );
    this.#send(PING); // its PONG says that CONNECT was accepted
    this.#settle.introduced();
  }

  #ask() {
    this.#unanswered += 1;
    if (this.#unanswered > 2) this.end("broken", "no answer to two pings");
    else this.#send(PING);
  }

  #heard() {
    this.#unanswered = 0;
    this.#settle.accepted();
  }

  #refused(sentence) {
    if (/permissions violation/i.test(sentence)) {
      this.onerror(sentence); // the connection lives on
      return;
    }
    this.#lastError = sentence; // the server closes after it
  }

  /** What is said in one turn goes out as one message: a wall begins with fifty small ones. */
  #send(bytes) {
    if (this.ended || this.socket.readyState !== WebSocket.OPEN) return;
    if (this.#out.length === 0) queueMicrotask(() => this.#flush());
    this.#out.push(bytes);
  }

  #flush() {
    const out = this.#out;
    this.#out = [];
    if (out.length === 0 || this.ended || this.socket.readyState !== WebSocket.OPEN) return;
    if (this.socket.bufferedAmount > SEND_LIMIT) this.end("broken", "the socket takes nothing any more");
    else this.socket.send(out.length === 1 ? out[0] : joined(out));
  }
}

/** What the server's last sentence means for us. nats-server: server/errors.go. */
export function closing(sentence) {
  if (/expired/i.test(sentence)) return ["expired", sentence];
  if (/authori[sz]ation|authentication|revoked/i.test(sentence)) return ["refused", sentence];
  return ["broken", sentence || "the connection broke"];
}

function settleable() {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {}); // whoever needs it awaits it
  return { promise, resolve, reject };
}
