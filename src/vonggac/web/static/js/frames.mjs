/**
 * NATS client protocol bytes: what the server sent, cut into messages; what we send, as bytes.
 *
 * Pure: no socket, no clock. nats-server hands browsers WebSocket messages of at most 4096 bytes
 * (server/websocket.go, wsFrameSizeForBrowsers), so a part usually arrives in several: a payload
 * that lies whole in one chunk is given as a view of it, any other is copied once into its place.
 */

/** Longest protocol line taken, bytes: the viewers' listener allows 64 kB (max_control_line). */
export const LINE_LIMIT = 64 * 1024;

/** Largest message taken, bytes: four times nats-server's default max_payload. */
export const PAYLOAD_LIMIT = 4 * 1024 * 1024;

const CR = 13;
const LF = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const EMPTY = new Uint8Array(0);

/** The server sent what is no NATS protocol, or more than the limits above. */
export class ProtocolError extends Error {}

/**
 * @typedef {object} Listener
 * @property {(info: object) => void} info
 * @property {(message: Message) => void} message
 * @property {() => void} ping
 * @property {() => void} pong
 * @property {(sentence: string) => void} error  the server's -ERR, without quotes
 */

/**
 * @typedef {object} Message
 * @property {string} subject
 * @property {number} sid
 * @property {string} reply    empty when there is none
 * @property {Uint8Array} head raw header block, empty when there is none
 * @property {Uint8Array} body never written again; may be a view of the received chunk
 */

/** Cuts a stream of chunks into protocol operations. One for each connection. */
export class Frames {
  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
    /** @type {Uint8Array} start of a line whose end has not come; at most LINE_LIMIT */
    this.line = EMPTY;
    /** @type {null | {subject: string, sid: number, reply: string, headSize: number, size: number}} */
    this.pending = null;
    /** @type {Uint8Array | null} a payload (with its CR LF) that spans chunks */
    this.payload = null;
    this.filled = 0;
  }

  /**
   * @param {Uint8Array} chunk not touched afterwards by the caller
   * @throws {ProtocolError} the connection must be closed then
   */
  feed(chunk) {
    let at = 0;
    while (at < chunk.length) {
      at = this.pending === null ? this.#feedLine(chunk, at) : this.#feedPayload(chunk, at);
    }
  }

  #feedLine(chunk, at) {
    const end = chunk.indexOf(LF, at);
    const stop = end === -1 ? chunk.length : end;
    if (this.line.length + stop - at > LINE_LIMIT) throw new ProtocolError("line too long");
    const piece = chunk.subarray(at, stop);
    const line = this.line.length === 0 ? piece : joined([this.line, piece]);
    if (end === -1) {
      this.line = this.line.length === 0 ? piece.slice() : line;
      return chunk.length;
    }
    this.line = EMPTY;
    const length = line[line.length - 1] === CR ? line.length - 1 : line.length;
    this.#operation(decoder.decode(line.subarray(0, length)));
    return end + 1;
  }

  #operation(line) {
    const space = line.search(/[ \t]/);
    const verb = (space === -1 ? line : line.slice(0, space)).toUpperCase();
    const rest = space === -1 ? "" : line.slice(space + 1).trim();
    switch (verb) {
      case "MSG":
      case "HMSG":
        this.#expect(rest.split(/[ \t]+/), verb === "HMSG");
        break;
      case "INFO":
        this.listener.info(parsed(rest));
        break;
      case "PING":
        this.listener.ping();
        break;
      case "PONG":
        this.listener.pong();
        break;
      case "-ERR":
        this.listener.error(rest.replace(/^'|'$/g, ""));
        break;
      case "+OK":
      case "":
        break;
      default:
        throw new ProtocolError("unknown operation");
    }
  }

  #expect(words, withHead) {
    // MSG <subject> <sid> [reply] <size>; HMSG <subject> <sid> [reply] <head size> <size>
    const sizes = withHead ? 2 : 1;
    const short = words.length === 2 + sizes;
    if (!short && words.length !== 3 + sizes) throw new ProtocolError("malformed message line");
    const size = count(words[words.length - 1]);
    const headSize = withHead ? count(words[words.length - 2]) : 0;
    if (size > PAYLOAD_LIMIT || headSize > size) throw new ProtocolError("message too large");
    this.pending = { subject: words[0], sid: count(words[1]), reply: short ? "" : words[2], headSize, size };
  }

  #feedPayload(chunk, at) {
    const { size } = this.pending;
    const whole = size + 2; // CR LF
    if (this.payload === null && chunk.length - at >= whole) {
      this.#deliver(chunk.subarray(at, at + size));
      return at + whole;
    }
    this.payload ??= new Uint8Array(whole);
    const take = Math.min(whole - this.filled, chunk.length - at);
    this.payload.set(chunk.subarray(at, at + take), this.filled);
    this.filled += take;
    if (this.filled === whole) {
      const payload = this.payload.subarray(0, size);
      this.payload = null;
      this.filled = 0;
      this.#deliver(payload);
    }
    return at + take;
  }

  #deliver(payload) {
    const { subject, sid, reply, headSize } = this.pending;
    this.pending = null;
    this.listener.message({ subject, sid, reply, head: payload.subarray(0, headSize), body: payload.subarray(headSize) });
  }
}

/**
 * The fields of a header block; names as sent (NATS keeps case). The last of equal names wins.
 * @param {Uint8Array} head `NATS/1.0[ status text]` CR LF, then `Name: value` lines
 * @returns {Map<string, string>} with the status code under "Status" when the first line has one
 */
export function headers(head) {
  /** @type {Map<string, string>} */
  const fields = new Map();
  if (head.length === 0) return fields;
  const lines = decoder.decode(head).split("\r\n");
  const status = /^NATS\/1\.0[ \t]+(\d{3})/.exec(lines[0]);
  if (status) fields.set("Status", status[1]);
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

/** @param {object} options as the protocol's CONNECT names them */
export const connectLine = (options) => encoder.encode(`CONNECT ${JSON.stringify(options)}\r\n`);
/** @param {string} subject @param {number} sid */
export const subscribeLine = (subject, sid) => encoder.encode(`SUB ${subject} ${sid}\r\n`);
/** @param {number} sid */
export const unsubscribeLine = (sid) => encoder.encode(`UNSUB ${sid}\r\n`);
export const PING = encoder.encode("PING\r\n");
export const PONG = encoder.encode("PONG\r\n");

/**
 * @param {string} subject
 * @param {Uint8Array} body
 * @param {string} [reply]
 * @param {Record<string, string>} [fields] header fields; values hold no CR or LF
 */
export function publishFrame(subject, body, reply = "", fields = {}) {
  const target = reply ? `${subject} ${reply}` : subject;
  const names = Object.keys(fields);
  if (names.length === 0) return joined([encoder.encode(`PUB ${target} ${body.length}\r\n`), body, encoder.encode("\r\n")]);
  const lines = names.map((name) => `${name}: ${fields[name]}\r\n`).join("");
  const head = encoder.encode(`NATS/1.0\r\n${lines}\r\n`);
  const line = encoder.encode(`HPUB ${target} ${head.length} ${head.length + body.length}\r\n`);
  return joined([line, head, body, encoder.encode("\r\n")]);
}

/** @param {Uint8Array[]} pieces @returns {Uint8Array} */
export function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function count(word) {
  if (!/^\d{1,9}$/.test(word)) throw new ProtocolError("malformed number");
  return Number(word);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProtocolError("malformed INFO");
  }
}
