import assert from "node:assert/strict";
import test from "node:test";
import { PositionStore } from "../../emitter/static/emitter/storage.js";
import { memory } from "./fake_network.js";

test("a position is kept for its address and device", () => {
  const storage = memory();
  new PositionStore("/ws/events/", "laptop", storage).write({ epoch: "e1", seq: 7 });
  assert.deepEqual(new PositionStore("/ws/events/", "laptop", storage).read(), { epoch: "e1", seq: 7 });
  assert.equal(new PositionStore("/ws/events/", "phone", storage).read(), null);
  assert.equal(new PositionStore("/ws/other/", "laptop", storage).read(), null);
});

test("what somebody else left under the key is no position", () => {
  for (const text of ["nonsense", "{}", "null", '{"epoch":"e1","seq":-1}', '{"epoch":1,"seq":1}']) {
    assert.equal(new PositionStore("/ws/events/", "laptop", memory({ get: () => text })).read(), null);
  }
});

test("a storage that refuses is survived", () => {
  const refuse = () => {
    throw new Error("QuotaExceededError");
  };
  const store = new PositionStore("/ws/events/", "laptop", { getItem: refuse, setItem: refuse });
  store.write({ epoch: "e1", seq: 7 });
  assert.equal(store.read(), null);
});

test("without a browser's storage, memory takes its place", () => {
  const store = new PositionStore("/ws/events/", "laptop");
  store.write({ epoch: "e1", seq: 7 });
  assert.deepEqual(store.read(), { epoch: "e1", seq: 7 });
});
