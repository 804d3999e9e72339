/**
 * A run as its events tell it: a pure reducer. `tell` gives a new run and changes none.
 *
 * @typedef {import("../../../emitter/static/emitter/client.js").AgentEvent<any>} AgentEvent
 * @typedef {{seq: number, type: string, timestamp: string}} Mark an event's number
 * @typedef {{kind: "thinking", thoughts: {text: string, mark: Mark}[]}} Thinking
 * @typedef {{
 *   kind: "tool", name: string, callId?: string, state: "working" | "done" | "failed" | "unfinished",
 *   parameters?: unknown, result?: unknown, error?: string, milliseconds?: number, marks: Mark[],
 * }} Tool
 * @typedef {{kind: "note", text: string, payload: unknown, mark: Mark}} Note
 * @typedef {Thinking | Tool | Note} Step
 * @typedef {{
 *   id: string, threadId: string, question: string,
 *   state: "running" | "done" | "failed" | "stopped" | "lost", why: string, answer: unknown, steps: Step[], opened: Mark | null, closed: Mark | null, last: number,
 *   startedAt: string | null,
 * }} Run
 */

/**
 * @param {string} id
 * @param {string} threadId
 * @param {Partial<Run>} known
 * @returns {Run}
 */
export function newRun(id, threadId, known = {}) {
  return {
    id,
    threadId,
    question: "",
    state: "running",
    why: "",
    answer: undefined,
    steps: [],
    opened: null,
    closed: null,
    last: 0,
    startedAt: null,
    ...known,
  };
}

/**
 * The run after an event. An event that was told before changes nothing.
 *
 * @param {Run} run
 * @param {AgentEvent} event
 * @returns {Run}
 */
export function tell(run, event) {
  if (event.seq <= run.last) return run;
  const teller = event.after_end ? note : (TELLERS[event.type] ?? note);
  return { ...run, startedAt: run.startedAt ?? event.timestamp, ...teller(run, event), last: event.seq };
}

/** @type {Record<string, (run: Run, event: AgentEvent) => Partial<Run>>} */
const TELLERS = {
  agent_started: (run, event) =>
    run.opened ? note(run, event) : { opened: mark(event), question: event.payload.message ?? run.question },
  agent_thinking: thinking,
  tool_executing: toolBegins,
  tool_completed: toolEnds,
  agent_completed: (run, event) => ({
    ...closing(run, event, event.payload.status === "cancelled" ? "stopped" : "done"),
    answer: answerIn(event.payload.result),
  }),
  agent_error: (run, event) => closing(run, event, "failed", event.payload.error_message),
  agent_death: (run, event) =>
    closing(run, event, "lost", event.payload.message ?? event.payload.death_cause),
};

/**
 * @param {Run} run
 * @param {AgentEvent} event
 */
function thinking(run, event) {
  const thought = { text: event.payload.thought ?? "", mark: mark(event) };
  const last = run.steps.at(-1);
  if (last?.kind === "thinking")
    return { steps: run.steps.with(-1, { ...last, thoughts: [...last.thoughts, thought] }) };
  /** @type {Thinking} */
  const step = { kind: "thinking", thoughts: [thought] };
  return { steps: [...run.steps, step] };
}

/**
 * @param {Run} run
 * @param {AgentEvent} event
 */
function toolBegins(run, event) {
  const { tool_name: name = "tool", call_id: callId, parameters } = event.payload;
  /** @type {Tool} */
  const tool = { kind: "tool", name, callId, state: "working", parameters, marks: [mark(event)] };
  return { steps: [...run.steps, tool] };
}

/**
 * @param {Run} run
 * @param {AgentEvent} event
 */
function toolEnds(run, event) {
  const {
    tool_name: name = "tool",
    call_id: callId,
    result,
    error,
    execution_time_ms: milliseconds,
  } = event.payload;
  const index = run.steps.findLastIndex(
    (step) =>
      step.kind === "tool" &&
      step.state === "working" &&
      (callId ? step.callId === callId : step.name === name),
  );
  const begun = /** @type {Tool | undefined} */ (run.steps[index]);
  /** @type {Tool} */
  const tool = {
    kind: "tool",
    name,
    callId,
    state: error == null ? "done" : "failed",
    parameters: begun?.parameters,
    result,
    error,
    milliseconds,
    marks: [...(begun?.marks ?? []), mark(event)],
  };
  return { steps: begun ? run.steps.with(index, tool) : [...run.steps, tool] };
}

/**
 * @param {Run} run
 * @param {AgentEvent} event
 */
function note(run, event) {
  const text = event.type.replaceAll("_", " ") + (event.after_end ? " (after the end)" : "");
  const payload = Object.keys(event.payload).length ? event.payload : undefined;
  /** @type {Note} */
  const step = { kind: "note", text, payload, mark: mark(event) };
  return { steps: [...run.steps, step] };
}

/**
 * @param {Run} run
 * @param {AgentEvent} event
 * @param {Run["state"]} state
 */
function closing(run, event, state, why = "") {
  const steps = run.steps.map((step) =>
    step.kind === "tool" && step.state === "working"
      ? { ...step, state: /** @type {const} */ ("unfinished") }
      : step,
  );
  return { state, why, steps, closed: mark(event) };
}

/** @param {any} result */
function answerIn(result) {
  return result?.answer ?? result ?? undefined;
}

/**
 * @param {AgentEvent} event
 * @returns {Mark}
 */
function mark({ seq, type, timestamp }) {
  return { seq, type, timestamp };
}
