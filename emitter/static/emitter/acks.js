/**
 * Gathers acknowledgements: one for every 100 events or 250 ms, whichever comes first.
 *
 * A hidden page's timers run late, so the time is looked at with each event as well.
 */

const EVENTS = 100;
const MILLISECONDS = 250;

export class Acks {
  #send;
  #sent = 0;
  #applied = 0;
  /** @type {number | null} */
  #since = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(seq: number) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {number} seq the highest number applied so far */
  applied(seq) {
    if (seq <= this.#applied) return;
    this.#applied = seq;
    this.#since ??= Date.now();
    if (seq - this.#sent >= EVENTS || Date.now() - this.#since >= MILLISECONDS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), MILLISECONDS);
  }

  /** Sends what is outstanding now. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#since = null;
    if (this.#applied <= this.#sent) return;
    this.#sent = this.#applied;
    this.#send(this.#sent);
  }

  /** @param {number} seq where a session begins: nothing up to here is outstanding */
  restart(seq) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#since = null;
    this.#sent = this.#applied = seq;
  }
}
