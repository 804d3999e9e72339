/** Wires the chat page: the log fills the runs, the socket keeps them going, the form asks, a button stops. */

import { AgentEvents } from "../emitter/client.js";
import { post } from "./api.js";
import { hooked } from "./dom.js";
import { recall } from "./history.js";
import { Memory, newId } from "./memory.js";
import { Page } from "./page.js";
import { newRun, tell } from "./runs.js";
import { gap as gapWords } from "./words.js";

class Chat {
  #page = new Page();
  #memory = new Memory(hooked("user").dataset.user);
  /** @type {Map<string, import("./runs.js").Run>} */
  #runs = new Map();
  /** @type {AgentEvents | null} */
  #events = null;
  /** The last event of another conversation, and how many there were. */
  #elsewhere = { thread: "", events: 0 };
  #turn = 0;

  /** Reads the conversation anew and follows it from there. */
  async open() {
    const turn = ++this.#turn;
    this.#hangUp();
    this.#runs.clear();
    this.#page.clear();
    this.#elsewhere.events = 0;
    this.#page.loading();
    try {
      const past = await recall(this.#memory.thread);
      if (turn !== this.#turn) return;
      this.#memory.thread = past.threadId;
      past.runs.forEach((run) => this.#draw(run));
      this.#page.loaded();
      this.#follow(past.position);
    } catch (/** @type {any} */ problem) {
      if (turn === this.#turn) this.#fail(problem, () => this.open());
    }
  }

  /** @param {string} thread */
  show(thread) {
    this.#memory.thread = thread;
    return this.open();
  }

  showElsewhere() {
    return this.show(this.#elsewhere.thread);
  }

  reconnect() {
    if (this.#events) this.#events.connect();
    else this.open();
  }

  async ask() {
    const message = this.#page.question;
    const thread = this.#memory.thread ?? newId();
    if (!message) return;
    this.#page.forget();
    this.#page.asking(true);
    try {
      const { run_id } = await post("/api/runs/", { message, thread_id: thread });
      const run = this.#runs.get(run_id) ?? newRun(run_id, thread, { question: message });
      if (thread === this.#memory.thread) this.#draw(run);
      this.#page.question = "";
    } catch (/** @type {any} */ problem) {
      this.#fail(problem);
    } finally {
      this.#page.asking(false);
    }
  }

  /** @param {string} words */
  suggest(words) {
    this.#page.question = words;
  }

  /** @param {{after: number, epoch: string}} position */
  #follow({ after, epoch }) {
    const events = new AgentEvents("/ws/events/", { device: this.#memory.device, after, epoch });
    this.#events = events;
    events.on("state", (state) => events === this.#events && this.#page.connection(state));
    events.on("*", (event) => this.#hear(event));
    events.on("gap", (gap) => this.open().then(() => this.#page.note(gapWords(gap))));
    events.connect();
  }

  /** @param {import("./runs.js").AgentEvent} event */
  #hear(event) {
    if (event.thread_id === this.#memory.thread) {
      return this.#draw(tell(this.#runs.get(event.run_id) ?? newRun(event.run_id, event.thread_id), event));
    }
    this.#elsewhere = { thread: event.thread_id, events: this.#elsewhere.events + 1 };
    this.#page.elsewhere(this.#elsewhere.events);
  }

  /** @param {import("./runs.js").Run} run */
  #draw(run) {
    this.#runs.set(run.id, run);
    this.#page.drawRun(run, (id) => post(`/api/runs/${encodeURIComponent(id)}/cancel/`));
  }

  /**
   * @param {any} problem
   * @param {(() => void) | null} retry
   */
  #fail(problem, retry = null) {
    this.#page.problem(problem, retry);
    if (problem.status === 401) this.#hangUp();
    if (!this.#events) this.#page.connection({ state: problem.status === 401 ? "signed-out" : "closed" });
  }

  #hangUp() {
    const events = this.#events;
    this.#events = null;
    events?.close();
  }
}

const chat = new Chat();
hooked("ask").addEventListener("submit", (/** @type {SubmitEvent} */ submit) => {
  submit.preventDefault();
  chat.ask();
});
hooked("new").addEventListener("click", () => chat.show(newId()));
hooked("connect").addEventListener("click", () => chat.reconnect());
hooked("show-elsewhere").addEventListener("click", () => chat.showElsewhere());
hooked("example").addEventListener("click", (/** @type {any} */ click) =>
  chat.suggest(click.currentTarget.textContent),
);
chat.open();
