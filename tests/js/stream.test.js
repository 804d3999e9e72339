import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { answerHttp, connected, event, pass } from "./fake_network.js";

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

/** A client that was told to use the stream alone. */
async function streaming(options = {}) {
  const client = await connected({ transport: "sse", ...options });
  return { ...client, source: client.sources[0] };
}

const answer = (status, body = {}) => new Response(JSON.stringify(body), { status });

test("a lost stream is resumed after the last event, by our own pauses", async () => {
  const { sources, source, applied } = await streaming();
  source.hello(0);
  source.say(event(1), event(2));
  source.drop();
  assert.equal(source.readyState, 2);
  await pass(250);
  assert.equal(sources[1].address.search, "?after=2&epoch=e1");
  sources[1].hello(2);
  sources[1].say(event(2), event(3));
  assert.deepEqual(applied, [1, 2, 3]);
});

test("a gap moves the cursor", async () => {
  const { events, source, applied } = await streaming({ after: 12, epoch: "e1" });
  const gaps = [];
  events.on("gap", ({ reason }) => gaps.push(reason));
  source.hello(96, 97);
  source.say({ type: "gap", after: 12, first: 97, reason: "pruned", epoch: "e1" }, event(97));
  assert.deepEqual([gaps, applied], [["pruned"], [97]]);
});

test("a hole ends the stream, since it cannot be asked for", async () => {
  const { source, sources, applied } = await streaming();
  source.hello(0);
  source.say(event(1), event(3));
  await pass(250);
  assert.equal(sources[1].address.search, "?after=1&epoch=e1");
  assert.deepEqual(applied, [1]);
});

for (const [code, state, streams] of [
  [4401, "signed-out", 1],
  [4403, "closed", 1],
  [4408, "connecting", 2],
]) {
  test(`a close message of ${code} decides like a socket's code`, async () => {
    const { events, source, sources } = await streaming();
    source.hello(0);
    source.say({ type: "close", code, reason: "" });
    await pass(250);
    assert.deepEqual([events.state.state, sources.length], [state, streams]);
  });
}

for (const [status, state] of [
  [401, "signed-out"],
  [403, "closed"],
  [502, "reconnecting"],
]) {
  test(`a refusal with ${status} means ${state}`, async () => {
    const calls = answerHttp(() => answer(status));
    const { events, source } = await streaming();
    source.refuse();
    await pass(0);
    assert.equal(events.state.state, state);
    assert.equal(calls[0].path, "/api/events/?limit=1");
  });
}

test("an error message is told, and ends nothing", async () => {
  const { events, source } = await streaming();
  const told = [];
  events.on("error", ({ code }) => told.push(code));
  source.hello(0);
  source.say({ type: "error", code: "position_future", detail: "Above the head." });
  assert.deepEqual([told, events.state.state], [["position_future"], "live"]);
});

test("a fresh ticket is fetched for each stream", async () => {
  let count = 0;
  const { source, sources } = await streaming({ ticket: async () => `T${++count}` });
  source.drop();
  await pass(250);
  assert.deepEqual(
    sources.map(({ address }) => address.search),
    ["?ticket=T1", "?ticket=T2"],
  );
});

test("a token is traded for a ticket", async () => {
  const calls = answerHttp(() => answer(200, { ticket: "T" }));
  const { source } = await streaming({ token: "J" });
  assert.equal(source.address.search, "?ticket=T");
  assert.deepEqual([calls[0].path, calls[0].headers], ["/api/tickets/", { Authorization: "Bearer J" }]);
});

test("a token that is refused means signed out", async () => {
  answerHttp(() => answer(401, { code: "token_expired", detail: "The token has expired; get a new one." }));
  const { events, sources } = await streaming({ token: "J" });
  assert.deepEqual([events.state.state, sources.length], ["signed-out", 0]);
});

test("a filter is kept by the client itself", async () => {
  const { events, source, applied } = await streaming();
  source.hello(0);
  events.filter({ types: ["agent_completed"] });
  source.say(event(1), event(2, "agent_completed"));
  events.filter();
  source.say(event(3));
  assert.deepEqual([applied, events.position.seq], [[2, 3], 3]);
});

test("a run is cancelled by HTTP, and a refusal is told", async () => {
  const refusal = { code: "not_found", detail: "There is no such run." };
  const calls = answerHttp(({ pathname }) =>
    pathname === "/api/tickets/" ? answer(200, { ticket: "T" }) : answer(404, refusal),
  );
  const { events, source } = await streaming({ token: "J" });
  source.hello(0);
  const told = [];
  events.on("error", (problem) => told.push(problem));
  await events.cancel("run/19");
  assert.equal(calls.at(-1).path, "/api/runs/run%2F19/cancel/");
  assert.deepEqual(calls.at(-1).headers, { Authorization: "Bearer J" });
  assert.deepEqual(told, [refusal]);
});

test("the stream lies where the options say", async () => {
  const { source } = await streaming({ stream: "https://events.test/plane/api/events/stream/", after: 0 });
  assert.equal(source.address.href, "https://events.test/plane/api/events/stream/?after=0");
});
