/**
 * Looks whether the first transport gets through again, while another does the work: after half a minute to a
 * minute, then more and more rarely, up to ten minutes. A line that says hello is proof enough, and is hung up.
 *
 * @typedef {{onframe: (frame: import("./client.js").Frame) => void, onclose: () => void}} Ears
 */

import { Backoff } from "./backoff.js";

const PATIENCE = 25_000;

export class Scout {
  #open;
  #onfound;
  #pauses;
  #out = false;
  /** Counts the looks; a line of an earlier one is no longer listened to. */
  #turn = 0;
  /** @type {import("./client.js").Line | null} */
  #line = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {{
   *   open: (ears: Ears) => Promise<import("./client.js").Line>,
   *   onfound: () => void,
   *   random?: () => number,
   * }} options
   */
  constructor({ open, onfound, random }) {
    this.#open = open;
    this.#onfound = onfound;
    this.#pauses = new Backoff(random);
  }

  /** Goes out, if it is not out already. */
  begin() {
    if (this.#out) return;
    this.#out = true;
    this.#rest();
  }

  end() {
    this.#out = false;
    this.#hangUp();
  }

  /** Begin again with short pauses: the first transport works. */
  reset() {
    this.end();
    this.#pauses.reset();
  }

  #rest() {
    this.#hangUp();
    this.#timer = setTimeout(() => this.#look(), this.#pauses.next(true));
  }

  async #look() {
    const turn = this.#turn;
    const current = () => turn === this.#turn;
    this.#timer = setTimeout(() => this.#rest(), PATIENCE);
    try {
      const line = await this.#open({
        onframe: (frame) => current() && frame.type === "hello" && this.#found(),
        onclose: () => current() && this.#rest(),
      });
      if (current()) this.#line = line;
      else line.close();
    } catch {
      if (current()) this.#rest();
    }
  }

  #found() {
    this.end();
    this.#onfound();
  }

  #hangUp() {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#line?.close();
    this.#line = null;
  }
}
