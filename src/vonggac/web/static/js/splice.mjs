/**
 * One stream of parts out of two connections, while a session is renewed. Pure.
 *
 * Both connections carry the same parts in the same order, and neither waits for the other. The old
 * one is believed until it has reached what the new one began with; only then do we change over, so
 * that no part is lost or shown twice (subjects.md: duplicates are dropped by run and sequence).
 */

/** Parts of the new connection held back at most: 64 are 12 s at 200 ms a part. Then we change over. */
export const HOLD_LIMIT = 64;

/** @template T */
export class Splice {
  /** @type {number | null} connection that is believed */
  #lane = null;
  /** @type {{run: string, seq: number} | null} */
  #last = null;
  /** @type {{run: string, seq: number, item: T}[]} */
  #held = [];
  #heldLane = 0;

  /**
   * @param {number} lane  number of the connection; later connections have larger numbers
   * @param {string} run
   * @param {number} seq
   * @param {T} item
   * @returns {T[]} what is to be taken now, in order
   */
  offer(lane, run, seq, item) {
    if (this.#lane === null) this.#lane = lane;
    if (lane < this.#lane) return [];
    if (lane === this.#lane) {
      const taken = this.#take(run, seq, item);
      return this.#caughtUp() ? [...taken, ...this.#changeOver()] : taken;
    }
    if (this.#held.length > 0 && lane !== this.#heldLane) this.#held = [];
    this.#heldLane = lane;
    this.#held.push({ run, seq, item });
    return this.#caughtUp() || this.#held.length >= HOLD_LIMIT ? this.#changeOver() : [];
  }

  /** The connection ended: what the next one brought is taken. @param {number} lane @returns {T[]} */
  gone(lane) {
    if (lane !== this.#lane) return [];
    if (this.#held.length > 0) return this.#changeOver();
    this.#lane = null; // whoever comes next is believed
    return [];
  }

  /** @param {number} lane @returns {boolean} nothing more is needed of connections before `lane` */
  settledOn(lane) {
    return this.#lane === null || this.#lane >= lane;
  }

  #take(run, seq, item) {
    if (this.#last !== null && this.#last.run === run && seq <= this.#last.seq) return [];
    this.#last = { run, seq };
    return [item];
  }

  #caughtUp() {
    const first = this.#held[0];
    return first !== undefined && this.#last !== null && this.#last.run === first.run && this.#last.seq >= first.seq - 1;
  }

  #changeOver() {
    const held = this.#held;
    this.#held = [];
    this.#lane = this.#heldLane;
    return held.flatMap(({ run, seq, item }) => this.#take(run, seq, item));
  }
}
