/**
 * Keeps one line to the server alive: opens it, listens for its heartbeat, renews its credentials and comes
 * back after the losses that are worth coming back from, by another transport where the first is blocked.
 * What the frames mean is the client's business.
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
import { credentialsFrom } from "./credentials.js";
import { Route } from "./route.js";
import { Scout } from "./scout.js";

const HEARTBEAT_BEFORE_HELLO = 10;
const MISSED_HEARTBEATS = 2.5;
const A_GOOD_CONNECTION = 10_000;

export class Connection {
  #options;
  #backoff;
  #window;
  #route;
  #scout;
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
   *   transports: import("./client.js").Transport[],
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
    this.#route = new Route(options.transports);
    this.#scout = new Scout({
      open: (ears) => this.#open(this.#route.first, ears),
      onfound: () => this.#comeHome(),
      random: options.random,
    });
  }

  /** The name of the transport that is taken. */
  get transport() {
    return this.#route.taken.name;
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
    this.#scout.end();
    this.#hangUp();
    this.#options.oncondition({ state: "closed" });
  }

  /**
   * @param {Frame} frame
   * @returns {boolean} whether there is a line that carries it
   */
  send(frame) {
    return this.#line?.send(frame) ?? false;
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
      const line = await this.#open(this.#route.taken, {
        onframe: (frame) => current() && this.#hear(frame),
        onclose: (code) => current() && this.#lost(code),
      });
      if (!current()) return line.close();
      this.#line = line;
      this.#heartbeat = HEARTBEAT_BEFORE_HELLO;
      this.#heardAt = Date.now();
      this.#watchHeartbeat();
    } catch (/** @type {any} */ error) {
      if (current()) this.#lost(error.status === 401 ? SIGNED_OUT : LOST, error.message);
    }
  }

  /**
   * @param {import("./client.js").Transport} transport
   * @param {{onframe: (frame: Frame) => void, onclose: (code: number) => void}} ears
   */
  async #open(transport, ears) {
    const credentials = await credentialsFrom(this.#options);
    return transport.open({ url: this.#options.url(), credentials, ...ears });
  }

  #comeHome() {
    this.#route.goHome();
    this.#dial();
  }

  /** @param {Frame} frame */
  #hear(frame) {
    this.#heardAt = Date.now();
    if (frame.type === "ping") return void this.send({ type: "pong" });
    if (frame.type === "expiring") return void this.#renewToken();
    if (frame.type === "hello") this.#greet(frame.heartbeat);
    this.#options.onframe(frame);
  }

  /** @param {number} heartbeat */
  #greet(heartbeat) {
    this.#heartbeat = heartbeat;
    this.#helloAt = Date.now();
    this.#route.arrived();
    if (this.#route.isDetour) this.#scout.begin();
    else this.#scout.reset();
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
      return this.#lost(LOST, "The server fell silent.", { silent: true });
    }
    this.#timer = setTimeout(() => this.#watchHeartbeat(), this.#heartbeat * 500);
  }

  /**
   * @param {number} code
   * @param {string} why what is known better than the code says it
   * @param {{silent?: boolean}} how
   */
  #lost(code, why = "", how = {}) {
    const offline = this.#window.navigator?.onLine === false;
    if (this.#helloAt === null) {
      if (code === LOST && !offline) this.#route.failed(how);
    } else if (Date.now() - this.#helloAt >= A_GOOD_CONNECTION) this.#backoff.reset();
    this.#hangUp();
    const { retry, slow, detail: meaning } = closing(code);
    const detail = why || meaning;
    if (!retry) {
      this.#wanted = false;
      this.#scout.end();
      const state = code === SIGNED_OUT ? "signed-out" : "closed";
      return this.#options.oncondition({ state, detail });
    }
    if (offline) return this.#options.oncondition({ state: "offline" });
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
