/** Draws one run. A card is drawn again for every event; what did not change is left alone. */

import { make } from "./dom.js";
import { stepView } from "./steps.js";
import { number } from "./marks.js";
import { runState, shown, timeAgo } from "./words.js";

export class Card {
  #question = make("p", { class: "question-words" });
  #asked = make("span", { class: "marks" });
  #time = make("time", { class: "quiet" });
  #steps = make("ol", { class: "steps" });
  #answer = make("div", { class: "answer", "data-answer": "", "aria-live": "polite" });
  #state = make("span", { class: "run-state" });
  #stop = make("button", { type: "button", "data-stop": "" }, "Stop");
  #closed = make("span", { class: "marks" });
  #problem = make("p", { class: "problem", role: "alert", hidden: "" });
  /** @type {{step: import("./runs.js").Step, view: ReturnType<typeof stepView>}[]} */
  #drawn = [];
  #stopping = false;
  /** @type {import("./runs.js").Run} */
  #run;

  /**
   * @param {import("./runs.js").Run} run
   * @param {(runId: string) => Promise<unknown>} stop
   */
  constructor(run, stop) {
    this.#run = run;
    this.element = make(
      "article",
      { class: "run", "data-run": run.id, "aria-label": "Question and answer" },
      make(
        "header",
        { class: "question" },
        this.#question,
        make("p", { class: "aside" }, this.#time, this.#asked),
      ),
      this.#steps,
      this.#answer,
      this.#problem,
      make("footer", { class: "foot" }, this.#state, this.#closed, this.#stop),
    );
    this.#stop.addEventListener("click", () => this.#askToStop(stop));
    this.draw(run);
  }

  /** @param {import("./runs.js").Run} run */
  draw(run) {
    this.#run = run;
    this.element.dataset.state = run.state;
    this.#question.textContent = run.question || "A run without a question";
    this.#asked.replaceChildren(...(run.opened ? [number(run.opened)] : []));
    this.#closed.replaceChildren(...(run.closed ? [number(run.closed)] : []));
    this.#drawSteps(run.steps);
    this.#drawAnswer(run.answer);
    this.#state.textContent = runState(run);
    this.#stop.hidden = run.state !== "running";
    this.#stop.disabled = this.#stopping;
    this.#stop.textContent = this.#stopping ? "Stopping …" : "Stop";
    this.drawTime(new Date());
  }

  /** @param {Date} now */
  drawTime(now) {
    if (!this.#run.startedAt) return;
    const started = new Date(this.#run.startedAt);
    this.#time.dateTime = started.toISOString();
    this.#time.title = started.toLocaleString();
    this.#time.textContent = timeAgo(started, now);
  }

  /** @param {import("./runs.js").Step[]} steps */
  #drawSteps(steps) {
    steps.forEach((step, index) => {
      const drawn = (this.#drawn[index] ??= { step, view: stepView(step) });
      if (!drawn.view.element.isConnected) this.#steps.append(drawn.view.element);
      if (drawn.step !== step) drawn.view.draw(step);
      drawn.step = step;
    });
  }

  /** @param {unknown} answer */
  #drawAnswer(answer) {
    const text = answer === undefined ? "" : shown(answer);
    if (this.#answer.textContent === text) return;
    this.#answer.classList.toggle("code", typeof answer !== "string");
    this.#answer.textContent = text;
  }

  /** @param {(runId: string) => Promise<unknown>} stop */
  async #askToStop(stop) {
    this.#stopping = true;
    this.#problem.hidden = true;
    this.draw(this.#run);
    try {
      await stop(this.#run.id);
    } catch (/** @type {any} */ problem) {
      this.#stopping = false;
      this.#problem.textContent = problem.message;
      this.#problem.hidden = false;
      this.draw(this.#run);
    }
  }
}
