/**
 * A user's events, each applied once and in order, across lost connections and page reloads; by WebSocket, or by
 * Server-Sent Events where sockets are blocked.
 *
 *     const events = new AgentEvents("/ws/events/", { device: "laptop" });
 *     events.on("agent_completed", (event) => console.log(event.seq, event.payload.result));
 *     events.on("state", ({ state, behind, retryIn, transport }) => …);
 *     events.connect();
 *
 * `on` takes an event type, `"*"` for every event, or one of the client's own words: `"state"`, `"gap"` and
 * `"error"`. Types are in `client.d.ts`.
 */

import { Acks } from "./acks.js";
import { Connection } from "./connection.js";
import { adopt, advance, skip } from "./cursor.js";
import { httpAddress, stopRun } from "./http.js";
import { Listeners } from "./listeners.js";
import { STREAM, transportsFrom } from "./route.js";
import { PositionStore } from "./storage.js";

const MISSING = "Events are missing.";
const REPAIR_PATIENCE = 5_000;

export class AgentEvents {
  #url;
  #options;
  #store;
  #window;
  #connection;
  #listeners = new Listeners();
  #acks;
  /** @type {import("./cursor.js").Position | null} */
  #position;
  #head = 0;
  #greeted = false;
  /** @type {import("./client.js").Frame | null} */
  #filter = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #repair;
  /** @type {import("./client.js").State} */
  #state = { state: "closed" };

  /**
   * @param {string} url
   * @param {import("./client.js").Options} options
   */
  constructor(url, options = {}) {
    const { device, after, epoch = null, storage, window = globalThis, random, ticket, token } = options;
    this.#url = url;
    this.#options = options;
    this.#window = window;
    this.#store = new PositionStore(url, device, storage);
    this.#position = after === undefined ? this.#store.read() : { epoch, seq: after };
    this.#acks = new Acks((seq) => this.#acknowledge(seq));
    this.#connection = new Connection({
      url: () => this.#address(),
      transports: transportsFrom(options),
      ticket,
      token,
      random,
      window,
      onframe: (frame) => this.#receive(frame),
      oncondition: (condition) => this.#leave(condition),
      onhide: () => this.#acks.flush(),
    });
  }

  /** Where this client stands, or null before its first hello. */
  get position() {
    return this.#position && { ...this.#position };
  }

  /** The last state told. */
  get state() {
    return { ...this.#state };
  }

  /**
   * @param {string} type
   * @param {(value: any) => void} listener
   * @returns {() => void} takes the listener off again
   */
  on(type, listener) {
    return this.#listeners.add(type, listener);
  }

  /** Connects, and stays connected until `close`. Also the way back from `signed-out` and `closed`. */
  connect() {
    this.#connection.open();
  }

  /** Acknowledges what was applied and disconnects for good. */
  close() {
    this.#acks.flush();
    this.#connection.close();
  }

  /**
   * Asks the server to stop a run: through the socket, else by HTTP. That it stopped is said by its last event.
   *
   * @param {string} runId
   */
  async cancel(runId) {
    if (this.#connection.send({ type: "cancel", run_id: runId })) return;
    const { stream = STREAM, token } = this.#options;
    try {
      await stopRun(httpAddress(stream, this.#address()), runId, token);
    } catch (/** @type {any} */ { code = "unreachable", message }) {
      this.#listeners.tell("error", { code, detail: message });
    }
  }

  /**
   * Asks for some events only: of these types, of this run; without either, for all again.
   *
   * @param {{types?: string[] | null, runId?: string | null}} only
   */
  filter({ types = null, runId = null } = {}) {
    this.#filter = { type: "filter", types, run_id: runId };
    this.#listeners.filter({ types, runId });
    this.#connection.send(this.#filter);
  }

  #address() {
    const url = new URL(this.#url, this.#window.location?.href);
    if (this.#options.device) url.searchParams.set("device", this.#options.device);
    if (this.#position) {
      url.searchParams.set("after", String(this.#position.seq));
      if (this.#position.epoch) url.searchParams.set("epoch", this.#position.epoch);
    }
    return url;
  }

  /** @param {any} frame */
  #receive(frame) {
    if ("seq" in frame && "id" in frame) this.#apply([frame]);
    else if (frame.type === "batch") this.#apply(frame.events);
    else if (frame.type === "hello") this.#greet(frame);
    else if (frame.type === "gap") this.#jump(frame);
    else if (frame.type === "position") this.#move(frame.seq);
    else if (frame.type === "error")
      this.#listeners.tell("error", { code: frame.code, detail: frame.detail });
    if (this.#greeted) this.#tellProgress();
  }

  /** @param {any} hello */
  #greet(hello) {
    this.#greeted = true;
    this.#head = hello.head;
    this.#begin(adopt(hello));
    if (this.#filter) this.#connection.send(this.#filter);
  }

  /** @param {any} gap */
  #jump({ after, first, reason, epoch }) {
    this.#begin(skip({ epoch, first }));
    this.#listeners.tell("gap", { after, first, reason, epoch });
  }

  /** @param {import("./cursor.js").Position} position */
  #begin(position) {
    this.#repaired();
    this.#position = position;
    this.#acks.restart(position.seq);
    this.#store.write(position);
  }

  /** @param {any[]} events */
  #apply(events) {
    if (!this.#position || events.length === 0) return;
    this.#head = Math.max(this.#head, events[events.length - 1].seq);
    for (const event of events) {
      if (!this.#greeted) return;
      const step = advance(this.#position.seq, event.seq, event.seq);
      if (step.verdict === "repair") return this.#askAgain();
      if (step.verdict === "deliver") this.#hand(event, step.then);
    }
  }

  /**
   * @param {any} event
   * @param {number} seq
   */
  #hand(event, seq) {
    this.#repaired();
    this.#position = { .../** @type {any} */ (this.#position), seq };
    this.#listeners.deliver(event);
    if (this.#greeted) this.#acks.applied(seq);
  }

  /**
   * What a filter left out ends here. Beside a loss it may be an older frame, which proves nothing.
   *
   * @param {number} seq
   */
  #move(seq) {
    if (!this.#position || this.#repair || seq <= this.#position.seq) return;
    this.#position = { ...this.#position, seq };
    this.#head = Math.max(this.#head, seq);
    this.#acks.applied(seq);
  }

  #askAgain() {
    if (this.#repair || !this.#position) return;
    const { epoch, seq } = this.#position;
    if (!this.#connection.send({ type: "resume", epoch, after: seq })) return this.#connection.renew(MISSING);
    this.#repair = setTimeout(() => this.#connection.renew(MISSING), REPAIR_PATIENCE);
  }

  #repaired() {
    clearTimeout(this.#repair);
    this.#repair = undefined;
  }

  /** @param {number} seq */
  #acknowledge(seq) {
    this.#connection.send({ type: "ack", seq });
    if (this.#position) this.#store.write(this.#position);
  }

  /** @param {import("./connection.js").Condition} condition */
  #leave(condition) {
    this.#greeted = false;
    this.#repaired();
    this.#tell(condition);
  }

  #tellProgress() {
    const behind = Math.max(0, this.#head - (this.#position?.seq ?? 0));
    this.#tell({ state: behind ? "catching-up" : "live", behind, transport: this.#connection.transport });
  }

  /** @param {import("./client.js").State} state */
  #tell(state) {
    const now = { behind: undefined, retryIn: undefined, detail: undefined, transport: undefined, ...state };
    if (JSON.stringify(now) === JSON.stringify(this.#state)) return;
    this.#state = now;
    this.#listeners.tell("state", { ...now });
  }
}
