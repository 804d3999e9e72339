import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { adopt, advance, skip } from "../../emitter/static/emitter/cursor.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/cursor.json", import.meta.url)));

for (const { name, position, first, last, expect, from, then } of vectors.advance) {
  test(`advance: ${name}`, () => {
    assert.deepEqual(advance(position, first, last), { verdict: expect, from, then });
  });
}

for (const { name, hello, then } of vectors.hello) {
  test(`hello: ${name}`, () => {
    assert.deepEqual(adopt(hello), then);
  });
}

test("a gap leads to just before the first event that is kept", () => {
  assert.deepEqual(skip({ after: 12, first: 97, epoch: "e2" }), { epoch: "e2", seq: 96 });
});
