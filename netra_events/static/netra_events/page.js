/** The page around the runs: what is shown when, and never more than one truth about the connection. */

import { Card } from "./card.js";
import { hooked, make } from "./dom.js";
import { connection, counted } from "./words.js";

const LOADING_SHOWS_AFTER = 300;
const NEAR_THE_END = 120;

export class Page {
  #runs = hooked("runs");
  #connection = hooked("connection");
  #problem = hooked("problem");
  #question = hooked("ask").elements.message;
  /** @type {Map<string, Card>} */
  #cards = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #loading;

  constructor() {
    setInterval(() => this.#cards.forEach((card) => card.drawTime(new Date())), 30_000);
    hooked("jump").addEventListener("click", () => this.#scrollToEnd());
    addEventListener("scroll", () => this.#atEnd() && (hooked("jump").hidden = true), { passive: true });
    this.#question.addEventListener("input", () => this.#fitQuestion());
    this.#question.addEventListener("keydown", (/** @type {KeyboardEvent} */ key) => {
      if (key.key !== "Enter" || key.shiftKey || key.isComposing) return;
      key.preventDefault();
      this.#question.form.requestSubmit();
    });
  }

  get question() {
    return this.#question.value.trim();
  }

  set question(words) {
    this.#question.value = words;
    this.#fitQuestion();
    this.#question.focus();
  }

  /**
   * @param {import("./runs.js").Run} run
   * @param {(runId: string) => Promise<unknown>} stop
   */
  drawRun(run, stop) {
    this.#keepingTheEnd(() => {
      const card = this.#cards.get(run.id);
      if (card) return card.draw(run);
      const made = new Card(run, stop);
      this.#cards.set(run.id, made);
      this.#runs.append(made.element);
      hooked("empty").hidden = true;
    });
  }

  /** @param {string} words */
  note(words) {
    this.#keepingTheEnd(() => this.#runs.append(make("p", { class: "gap quiet", "data-gap": "" }, words)));
  }

  clear() {
    this.#cards.clear();
    this.#runs.replaceChildren();
    this.elsewhere(0);
    this.forget();
  }

  loading() {
    hooked("empty").hidden = true;
    this.#loading = setTimeout(() => (hooked("loading").hidden = false), LOADING_SHOWS_AFTER);
  }

  loaded() {
    clearTimeout(this.#loading);
    hooked("loading").hidden = true;
    hooked("empty").hidden = this.#cards.size > 0;
    this.#scrollToEnd();
  }

  /** @param {boolean} busy */
  asking(busy) {
    hooked("send").disabled = busy;
    hooked("send").textContent = busy ? "Asking …" : "Ask";
  }

  /**
   * Says what went wrong; with `retry`, offers to do it again.
   *
   * @param {Error} problem
   * @param {(() => void) | null} retry
   */
  problem(problem, retry = null) {
    clearTimeout(this.#loading);
    hooked("loading").hidden = true;
    hooked("problem-words").textContent = problem.message;
    hooked("retry").hidden = !retry;
    hooked("retry").onclick = retry;
    this.#keepingTheEnd(() => (this.#problem.hidden = false));
  }

  forget() {
    this.#problem.hidden = true;
  }

  /** @param {number} events */
  elsewhere(events) {
    this.#keepingTheEnd(() => {
      hooked("elsewhere").hidden = events === 0;
      hooked("elsewhere-words").textContent = `${counted(events, "event")} in another conversation.`;
    });
  }

  /** @param {import("../../../emitter/static/emitter/client.js").State} state */
  connection(state) {
    clearInterval(this.#countdown);
    this.#connection.dataset.connection = state.state;
    this.#connection.title = state.detail ?? "";
    hooked("connection-words").textContent = connection(state);
    hooked("connect").hidden = !["reconnecting", "offline", "closed"].includes(state.state);
    hooked("sign-in").hidden = state.state !== "signed-out";
    if (!state.retryIn) return;
    const { retryIn } = state;
    const since = Date.now();
    this.#countdown = setInterval(() => {
      const left = Math.max(1, retryIn - Math.floor((Date.now() - since) / 1_000));
      hooked("connection-words").textContent = connection({ ...state, retryIn: left });
    }, 1_000);
  }

  #fitQuestion() {
    this.#question.rows = Math.min(8, this.#question.value.split("\n").length);
  }

  /** @param {() => void} change */
  #keepingTheEnd(change) {
    const following = this.#atEnd();
    change();
    if (following) this.#scrollToEnd();
    else hooked("jump").hidden = false;
  }

  #atEnd() {
    return innerHeight + scrollY >= document.documentElement.scrollHeight - NEAR_THE_END;
  }

  #scrollToEnd() {
    scrollTo({ top: document.documentElement.scrollHeight });
    hooked("jump").hidden = true;
  }
}
