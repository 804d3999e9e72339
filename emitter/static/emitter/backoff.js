/**
 * Pauses between attempts: doubling from half a second to half a minute, each drawn at random below its bound
 * so that many clients do not come back at the same moment.
 */

const FIRST = 500;
const LONGEST = 30_000;
const SHORTEST = 100;
const SLOW = [30_000, 300_000];

export class Backoff {
  #random;
  #attempts = 0;

  /** @param {() => number} random a number from 0 up to 1 */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /**
   * The next pause in milliseconds. A slow one is never below half a minute.
   *
   * @param {boolean} slow
   */
  next(slow = false) {
    const doubled = 2 ** this.#attempts;
    this.#attempts += 1;
    if (slow) {
      const bound = Math.min(SLOW[0] * doubled, SLOW[1]);
      return bound * (1 + this.#random());
    }
    return Math.max(SHORTEST, Math.min(FIRST * doubled, LONGEST) * this.#random());
  }

  /** Begin again with short pauses: the last connection was a good one. */
  reset() {
    this.#attempts = 0;
  }
}
