/**
 * Answers to questions: chunks with credit, and the frames inside them. Pure but for `Answer`'s taker.
 * docs/ref/subjects.md, "Answers".
 */

import { headers, joined } from "./frames.mjs";

/** One frame at most, bytes: an access unit is at most 16 MiB at the edge, a part holds 200 ms. */
export const FRAME_LIMIT = 24 * 1024 * 1024;
/** An answer as a whole at most, bytes: a GOP of ten minutes at 1 Mbit/s. */
export const ANSWER_LIMIT = 96 * 1024 * 1024;
/** Chunks that the edge may have under way, and how many are consumed before credit is given. */
export const WINDOW = 16;
const CREDIT_EVERY = 8;

const decoder = new TextDecoder();

/** A question that was not answered as asked; `kind` is a kind of subjects.md, or "lost" (the connection). */
export class Refused extends Error {
  constructor(kind, message, detail = null) {
    super(message);
    this.kind = kind;
    this.detail = detail;
  }
}

/** Cuts length-prefixed frames out of chunks that do not respect their borders. */
export class FrameCutter {
  #prefix = new Uint8Array(4);
  #prefixed = 0;
  /** @type {Uint8Array | null} */
  #frame = null;
  #filled = 0;

  /** @param {Uint8Array} chunk @returns {Uint8Array[]} frames that are whole now; copies @throws {Refused} */
  feed(chunk) {
    const frames = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#frame === null) {
        const take = Math.min(4 - this.#prefixed, chunk.length - at);
        this.#prefix.set(chunk.subarray(at, at + take), this.#prefixed);
        this.#prefixed += take;
        at += take;
        if (this.#prefixed < 4) break;
        const size = new DataView(this.#prefix.buffer).getUint32(0);
        if (size > FRAME_LIMIT) throw new Refused("corrupt", "a frame of the answer is too large");
        this.#prefixed = 0;
        this.#filled = 0;
        this.#frame = new Uint8Array(size);
      }
      const take = Math.min(this.#frame.length - this.#filled, chunk.length - at);
      this.#frame.set(chunk.subarray(at, at + take), this.#filled);
      this.#filled += take;
      at += take;
      if (this.#filled === this.#frame.length) {
        frames.push(this.#frame);
        this.#frame = null;
      }
    }
    return frames;
  }
}

/**
 * @typedef {object} Step what one message of an answer means
 * @property {"chunk" | "last" | "refused"} kind
 * @property {Uint8Array} [chunk]
 * @property {number} [credit] chunks of credit to be given now
 * @property {Refused} [refused]
 */

/** The state of one answer under way. */
export class Answer {
  #next = 0;
  #size = 0;
  /** Subject that takes credit; empty until message 0. */
  creditSubject = "";
  type = "";

  /** @param {{head: Uint8Array, body: Uint8Array}} message @returns {Step} */
  take({ head, body }) {
    const fields = headers(head);
    if (fields.get("Status") === "503") return refused("unavailable", "nobody answers for this site");
    const status = fields.get("Vg-Status");
    if (status !== "200") return refusal(status, body);
    if (Number(fields.get("Vg-Part")) !== this.#next) return refused("corrupt", "a piece of the answer is missing");
    if (this.#next === 0) {
      this.creditSubject = fields.get("Vg-Credit") ?? "";
      this.type = fields.get("Vg-Type") ?? "";
    }
    this.#next += 1;
    this.#size += body.length;
    if (this.#size > ANSWER_LIMIT) return refused("too_large", "the answer is too large");
    if (fields.get("Vg-Last") === "1") return { kind: "last", chunk: body, credit: 0 };
    return { kind: "chunk", chunk: body, credit: this.#next % CREDIT_EVERY === 0 ? CREDIT_EVERY : 0 };
  }
}

function refusal(status, body) {
  try {
    const { kind, message, detail } = JSON.parse(decoder.decode(body));
    return refused(String(kind), String(message), detail);
  } catch {
    return refused(status ?? "corrupt", "an answer without words");
  }
}

const refused = (kind, message, detail = null) => ({ kind: "refused", refused: new Refused(kind, message, detail) });

/** @param {Uint8Array[]} chunks */
export const jsonOf = (chunks) => JSON.parse(decoder.decode(joined(chunks)));
