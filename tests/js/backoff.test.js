import assert from "node:assert/strict";
import test from "node:test";
import { Backoff } from "../../emitter/static/emitter/backoff.js";

const pauses = (backoff, count, slow = false) => Array.from({ length: count }, () => backoff.next(slow));

test("pauses double up to half a minute", () => {
  const backoff = new Backoff(() => 0.999);
  assert.deepEqual(pauses(backoff, 8).map(Math.round), [500, 999, 1998, 3996, 7992, 15984, 29970, 29970]);
});

test("pauses are drawn at random below their bound, and never vanish", () => {
  const backoff = new Backoff(() => 0);
  assert.deepEqual(pauses(backoff, 3), [100, 100, 100]);
});

test("a slow pause is at least half a minute", () => {
  const backoff = new Backoff(() => 0);
  assert.deepEqual(pauses(backoff, 6, true), [30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
});

test("a reset begins with short pauses again", () => {
  const backoff = new Backoff(() => 0.5);
  pauses(backoff, 5);
  backoff.reset();
  assert.equal(backoff.next(), 250);
});
