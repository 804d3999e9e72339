/** What is said to a person: durations, times, sizes and states. Pure. */

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const number = new Intl.NumberFormat("en");

/** @param {number} milliseconds */
export function duration(milliseconds) {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/**
 * @param {Date} time
 * @param {Date} now
 */
export function timeAgo(time, now) {
  const seconds = Math.max(0, (now.getTime() - time.getTime()) / 1_000);
  if (seconds < 45) return "just now";
  if (seconds < 45 * 60) return relative.format(-Math.round(seconds / 60), "minute");
  if (seconds < 22 * 3_600) return relative.format(-Math.round(seconds / 3_600), "hour");
  if (seconds < 30 * 86_400) return relative.format(-Math.round(seconds / 86_400), "day");
  return relative.format(-Math.round(seconds / 2_629_800), "month");
}

/** A value as it is shown: text as it is, anything else as JSON.  @param {unknown} value */
export function shown(value) {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}

/** @param {string} text */
export function size(text) {
  const lines = text.split("\n").length;
  return lines > 1 ? `${number.format(lines)} lines` : `${number.format(text.length)} characters`;
}

/**
 * @param {number} count
 * @param {string} one
 */
export function counted(count, one) {
  return `${number.format(count)} ${one}${count === 1 ? "" : "s"}`;
}

/** @param {import("./runs.js").Run} run */
export function runState({ state, why }) {
  const words = {
    running: "running",
    done: "done",
    failed: why ? `failed: ${why}` : "failed",
    stopped: "stopped by you",
    lost: why ? `lost its worker: ${why}` : "lost its worker",
  };
  return words[state];
}

/** @param {import("../../../emitter/static/emitter/client.js").State} state */
export function connection({ state, behind = 0, retryIn, detail }) {
  if (state === "catching-up") return `catching up (${number.format(behind)} behind)`;
  if (state === "reconnecting" && retryIn) return `reconnecting in ${retryIn} s`;
  if (state === "signed-out") return "signed out";
  if (state === "closed") return detail ? `not connected: ${detail}` : "not connected";
  return state;
}

/** @param {import("../../../emitter/static/emitter/client.js").Gap} gap */
export function gap({ after, first, reason }) {
  if (reason === "pruned") return `gap: ${counted(first - 1 - after, "event")} are no longer kept`;
  return "gap: the log was restored, so the conversation was read anew";
}
