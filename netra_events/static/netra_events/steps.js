/** Draws the steps of a run: thinking folded to one line that grows, a tool as a card, the rest as small lines. */

import { make } from "./dom.js";
import { number } from "./marks.js";
import { counted, duration, shown, size } from "./words.js";

const SHORT_LINES = 8;
const SHORT_CHARACTERS = 600;
const ONE_LINE = 160;
const TOOL_STATES = { working: "working", done: "✓ done", failed: "✗ failed", unfinished: "– not finished" };

/**
 * @param {import("./runs.js").Step} step
 * @returns {{element: HTMLElement, draw(step: any): void}}
 */
export function stepView(step) {
  const view = { thinking: thinkingView, tool: toolView, note: noteView }[step.kind]();
  view.draw(/** @type {any} */ (step));
  return view;
}

function thinkingView() {
  const latest = make("span", { class: "latest" });
  const count = make("span", { class: "count" });
  const list = make("ol", { class: "thoughts" });
  const newest = make("span", { class: "number" });
  const fold = make("details", {}, make("summary", {}, latest, count, newest), list);
  return {
    element: make("li", { class: "thinking" }, fold),
    draw(/** @type {import("./runs.js").Thinking} */ { thoughts }) {
      const last = thoughts[thoughts.length - 1];
      latest.textContent = last.text;
      newest.textContent = `#${last.mark.seq}`;
      count.textContent = counted(thoughts.length, "thought");
      for (const { text, mark } of thoughts.slice(list.childElementCount)) {
        list.append(make("li", {}, make("span", {}, text), number(mark)));
      }
    },
  };
}

function toolView() {
  const name = make("span", { class: "tool-name" });
  const state = make("span", { class: "tool-state" });
  const marks = make("span", { class: "marks" });
  const body = make("div", { class: "tool-body" });
  const element = make("li", { class: "tool" }, make("p", { class: "tool-head" }, name, state, marks), body);
  return {
    element,
    draw(/** @type {import("./runs.js").Tool} */ tool) {
      element.dataset.tool = tool.state;
      name.textContent = tool.name;
      const time = tool.milliseconds === undefined ? "" : `, ${duration(tool.milliseconds)}`;
      state.textContent = TOOL_STATES[tool.state] + time;
      marks.replaceChildren(...tool.marks.map(number));
      body.replaceChildren(
        ...labelled("Arguments", tool.parameters),
        ...labelled("Result", tool.result),
        ...labelled("Error", tool.error),
      );
    },
  };
}

function noteView() {
  const element = make("li", { class: "note quiet" });
  return {
    element,
    draw(/** @type {import("./runs.js").Note} */ { text, payload, mark }) {
      element.replaceChildren(make("span", {}, text), number(mark), ...labelled("Content", payload));
    },
  };
}

/**
 * A value under its name; a long one is folded, with its size shown.
 *
 * @param {string} label
 * @param {unknown} value
 */
function labelled(label, value) {
  if (value === undefined || value === null) return [];
  const text = brief(value);
  if (text.split("\n").length <= SHORT_LINES && text.length <= SHORT_CHARACTERS) {
    return [make("div", { class: "value" }, make("span", { class: "quiet" }, label), make("pre", {}, text))];
  }
  const summary = make("summary", { class: "quiet" }, `${label}, ${size(text)}`);
  return [make("details", { class: "value" }, summary, ...copyButton(text), make("pre", {}, text))];
}

/** JSON on one line when it fits there.  @param {unknown} value */
function brief(value) {
  const line = typeof value === "string" ? value : JSON.stringify(value);
  return line.length <= ONE_LINE ? line : shown(value);
}

/** @param {string} text */
function copyButton(text) {
  if (!navigator.clipboard) return [];
  const button = make("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  });
  return [button];
}
