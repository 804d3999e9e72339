import assert from "node:assert/strict";
import { test } from "node:test";
import * as words from "../../netra_events/static/netra_events/words.js";

test("durations", () => {
  const said = [0.4, 340, 999.4, 1_200, 59_940, 125_000].map(words.duration);
  assert.deepEqual(said, ["0 ms", "340 ms", "999 ms", "1.2 s", "59.9 s", "2 min 5 s"]);
});

test("times are relative", () => {
  const now = new Date("2026-01-02T12:00:00Z");
  const said = [-5, 10, 120, 7_200, 86_400, 259_200, 9_000_000].map((ago) =>
    words.timeAgo(new Date(now - ago * 1_000), now),
  );
  assert.deepEqual(said, [
    "just now",
    "just now",
    "2 minutes ago",
    "2 hours ago",
    "yesterday",
    "3 days ago",
    "3 months ago",
  ]);
});

test("sizes are in lines, or in characters when there is one line", () => {
  assert.equal(words.size("a\nb\nc"), "3 lines");
  assert.equal(words.size("x".repeat(3_204)), "3,204 characters");
});

test("values are shown as text or JSON", () => {
  assert.deepEqual([words.shown("text"), words.shown(null), words.shown([1])], ["text", "null", "[\n  1\n]"]);
});

for (const [said, state] of [
  ["live", { state: "live", behind: 0 }],
  ["catching up (1,037 behind)", { state: "catching-up", behind: 1037 }],
  ["reconnecting in 3 s", { state: "reconnecting", retryIn: 3 }],
  ["connecting", { state: "connecting" }],
  ["not connected", { state: "closed" }],
  ["offline", { state: "offline" }],
  ["signed out", { state: "signed-out", detail: "The session has ended." }],
  ["not connected: This stream is not yours.", { state: "closed", detail: "This stream is not yours." }],
]) {
  test(`the connection says: ${said}`, () => assert.equal(words.connection(state), said));
}

test("a gap says how much is missing", () => {
  assert.equal(words.gap({ after: 12, first: 25, reason: "pruned" }), "gap: 12 events are no longer kept");
  assert.match(words.gap({ after: 12, first: 1, reason: "epoch" }), /restored/);
});
