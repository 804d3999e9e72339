import assert from "node:assert/strict";
import { test } from "node:test";
import { newRun, tell } from "../../netra_events/static/netra_events/runs.js";
import { runState } from "../../netra_events/static/netra_events/words.js";

/** A run after these events, numbered from 1. Each is [type, payload, more fields]. */
function told(...events) {
  return events.reduce(
    (run, [type, payload = {}, more = {}], index) =>
      tell(run, { ...eventOf(type, payload, index + 1), ...more }),
    newRun("run-1", "thread-1"),
  );
}

const eventOf = (type, payload, seq) => ({
  type,
  payload,
  seq,
  run_id: "run-1",
  timestamp: "2026-01-02T03:04:05.678Z",
});

test("the five events of a run, from question to answer", () => {
  const run = told(
    ["agent_started", { message: "How many?" }],
    ["agent_thinking", { thought: "Counting", step_number: 1 }],
    ["tool_executing", { tool_name: "count", parameters: { of: "sheep" }, call_id: "c1" }],
    ["tool_completed", { tool_name: "count", result: 3, execution_time_ms: 12, call_id: "c1" }],
    ["agent_completed", { result: { answer: "Three." } }],
  );
  assert.deepEqual([run.question, run.answer, run.state, run.last], ["How many?", "Three.", "done", 5]);
  assert.deepEqual(
    run.steps.map(({ kind }) => kind),
    ["thinking", "tool"],
  );
  assert.deepEqual(
    run.steps[1].marks.map(({ seq }) => seq),
    [3, 4],
  );
  assert.deepEqual(run.steps[1].parameters, { of: "sheep" });
});

test("an event that was told before changes nothing", () => {
  const run = told(["agent_started"], ["agent_thinking", { thought: "Hm" }]);
  assert.equal(tell(run, eventOf("agent_thinking", { thought: "Hm" }, 2)), run);
});

test("thoughts in a row share a line, a tool begins a new one", () => {
  const run = told(["agent_thinking"], ["agent_thinking"], ["tool_executing"], ["agent_thinking"]);
  assert.deepEqual(
    run.steps.map((step) => step.thoughts?.length),
    [2, undefined, 1],
  );
});

test("tools that work side by side end by their call", () => {
  const run = told(
    ["tool_executing", { tool_name: "search", call_id: "a" }],
    ["tool_executing", { tool_name: "search", call_id: "b" }],
    ["tool_completed", { tool_name: "search", call_id: "a", error: "no route" }],
  );
  assert.deepEqual(
    run.steps.map(({ state, error }) => [state, error]),
    [
      ["failed", "no route"],
      ["working", undefined],
    ],
  );
});

test("without a call id the last one of that name ends; an end alone is shown too", () => {
  const run = told(
    ["tool_executing", { tool_name: "search" }],
    ["tool_completed", { tool_name: "search", result: 1 }],
    ["tool_completed", { tool_name: "other", result: 2 }],
  );
  assert.deepEqual(
    run.steps.map(({ name, state }) => [name, state]),
    [
      ["search", "done"],
      ["other", "done"],
    ],
  );
});

for (const [words, ending] of [
  ["done", ["agent_completed", { result: "Yes." }]],
  ["stopped by you", ["agent_completed", { status: "cancelled" }]],
  ["failed: no money", ["agent_error", { error_message: "no money" }]],
  ["failed", ["agent_error", {}]],
  [
    "lost its worker: it fell silent",
    ["agent_death", { death_cause: "worker_lost", message: "it fell silent" }],
  ],
  ["lost its worker: worker_lost", ["agent_death", { death_cause: "worker_lost" }]],
]) {
  test(`an ending says: ${words}`, () => {
    const run = told(["tool_executing", { tool_name: "search" }], ending);
    assert.equal(runState(run), words);
    assert.equal(run.steps[0].state, "unfinished");
  });
}

test("a result without an answer is the answer", () => {
  assert.deepEqual(told(["agent_completed", { result: { rows: 3 } }]).answer, { rows: 3 });
  assert.equal(told(["agent_completed", { result: 0 }]).answer, 0);
  assert.equal(told(["agent_completed", {}]).answer, undefined);
});

test("what comes after the end is noted and reopens nothing", () => {
  const run = told(
    ["agent_completed", { result: "Yes." }],
    ["agent_error", { error_message: "late" }, { after_end: true }],
  );
  assert.equal(run.state, "done");
  assert.equal(run.steps[0].text, "agent error (after the end)");
});

test("any other type is a note with its content", () => {
  const [step] = told(["progress_update", { percent: 40 }]).steps;
  assert.deepEqual([step.kind, step.text, step.payload], ["note", "progress update", { percent: 40 }]);
});
