/**
 * Keeps one line to the server alive: opens it, listens for its heartbeat, renews its credentials and comes
 * back after the losses that are worth coming back from. What the frames mean is the client's business.
 *
 * @typedef {import("./client.js").Frame} Frame
 * @typedef {import("./client.js").Credential} Credential
 * @typedef {{
 *   state: "connecting" | "reconnecting" | "offline" | "signed-out" | "closed",
 *   retryIn?: number,
 *   detail?: string,
 * }} Condition
 */

import { Backoff } from "./backoff.js";
import { LOST, SIGNED_OUT, closing } from "./codes.js";

const HEARTBEAT_BEFORE_HELLO = 10;
const MISSED_HEARTBEATS = 2.5;
const A_GOOD_CONNECTION = 10_000;

export class Connection {
  #options;
  #backoff;
  #window;
  #wanted = false;
  /** Counts the lines opened; a line of an earlier turn is no longer listened to. */
  #turn = 0;
  /** @type {import("./client.js").Line | null} */
  #line = null;
  #heartbeat = HEARTBEAT_BEFORE_HELLO;
  #heardAt = 0;
  /** @type {number | null} */
  #helloAt = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {AbortController | undefined} */
  #watching;

  /**
   * @param {{
   *   url: () => URL,
   *   transport: import("./client.js").Transport,
   *   ticket?: Credential,
   *   token?: Credential,
   *   random?: () => number,
   *   window?: any,
   *   onframe: (frame: Frame) => void,
   *   oncondition: (condition: Condition) => void,
   *   onhide: () => void,
   * }} options
   */
  constructor(options) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
    this.#window = options.window ?? globalThis;
  }

  open() {
    if (this.#wanted && this.#line) return;
    this.#wanted = true;
    this.#watchWindow();
    this.#dial();
  }

  close() {
    this.#wanted = false;
    this.#watching?.abort();
    this.#watching = undefined;
    this.#hangUp();
    this.#options.oncondition({ state: "closed" });
  }

  /** @param {Frame} frame */
  send(frame) {
    this.#line?.send(frame);
  }

  /** Gives the present line up as dead and opens another. */
  renew(detail = "") {
    this.#lost(LOST, detail);
  }

  async #dial() {
    this.#hangUp();
    const turn = this.#turn;
    const current = () => turn === this.#turn;
    this.#options.oncondition({ state: "connecting" });
    try {
      const credentials = await this.#credentials();
      if (!current()) return;
      this.#line = this.#options.transport({
        url: this.#options.url(),
        credentials,
        onframe: (frame) => current() && this.#hear(frame),
        onclose: (code) => current() && this.#lost(code),
      });
      this.#heartbeat = HEARTBEAT_BEFORE_HELLO;
      this.#heardAt = Date.now();
      this.#watchHeartbeat();
    } catch (/** @type {any} */ error) {
      if (current()) this.#lost(error.status === 401 ? SIGNED_OUT : LOST, error.message);
    }
  }

  async #credentials() {
    const { ticket, token } = this.#options;
    if (ticket !== undefined) return [`ticket.${await valueOf(ticket)}`];
    if (token !== undefined) return [`bearer.${await valueOf(token)}`];
    return [];
  }

  /** @param {Frame} frame */
  #hear(frame) {
    this.#heardAt = Date.now();
    if (frame.type === "ping") return this.send({ type: "pong" });
    if (frame.type === "expiring") return void this.#renewToken();
    if (frame.type === "hello") {
      this.#heartbeat = frame.heartbeat;
      this.#helloAt = Date.now();
    }
    this.#options.onframe(frame);
  }

  async #renewToken() {
    const { token } = this.#options;
    if (typeof token !== "function") return;
    const turn = this.#turn;
    try {
      const fresh = await token();
      if (turn === this.#turn) this.send({ type: "auth", token: fresh });
    } catch {
      // The old token still counts until the server closes the line and says why.
    }
  }

  #watchHeartbeat() {
    clearTimeout(this.#timer);
    if (Date.now() - this.#heardAt >= this.#heartbeat * MISSED_HEARTBEATS * 1000) {
      return this.renew("The server fell silent.");
    }
    this.#timer = setTimeout(() => this.#watchHeartbeat(), this.#heartbeat * 500);
  }

  /**
   * @param {number} code
   * @param {string} why what is known better than the code says it
   */
  #lost(code, why = "") {
    if (this.#helloAt !== null && Date.now() - this.#helloAt >= A_GOOD_CONNECTION) this.#backoff.reset();
    this.#hangUp();
    const { retry, slow, detail: meaning } = closing(code);
    const detail = why || meaning;
    if (!retry) {
      this.#wanted = false;
      const state = code === SIGNED_OUT ? "signed-out" : "closed";
      return this.#options.oncondition({ state, detail });
    }
    if (this.#window.navigator?.onLine === false) return this.#options.oncondition({ state: "offline" });
    const pause = this.#backoff.next(slow);
    this.#timer = setTimeout(() => this.#dial(), pause);
    const retryIn = Math.ceil(pause / 1000);
    this.#options.oncondition({ state: "reconnecting", retryIn, detail });
  }

  #hangUp() {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#helloAt = null;
    this.#line?.close();
    this.#line = null;
  }

  #watchWindow() {
    if (this.#watching || !this.#window.addEventListener) return;
    this.#watching = new AbortController();
    const { signal } = this.#watching;
    this.#window.addEventListener("online", () => this.#wanted && this.#dial(), { signal });
    this.#window.addEventListener("offline", () => this.#wanted && this.renew(), { signal });
    this.#window.addEventListener("pagehide", () => this.#options.onhide(), { signal });
  }
}

/** @param {Credential} credential */
async function valueOf(credential) {
  return typeof credential === "function" ? credential() : credential;
}
