import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { blocked, connected, event, pass } from "./fake_network.js";

afterEach(() => mock.timers.reset());

const WITHIN_A_MINUTE = 60_000;

test("two sockets in a row that never say hello lead to the stream", async () => {
  const { events, source, sockets, applied } = await blocked({ device: "laptop" });
  assert.equal(source.address.href, "https://example.test/api/events/stream/?device=laptop");
  source.hello(0, 2);
  assert.deepEqual([events.state.state, events.state.transport], ["catching-up", "sse"]);
  source.say(event(1), event(2));
  assert.deepEqual([events.state.state, events.state.transport], ["live", "sse"]);
  assert.deepEqual([applied, sockets.length], [[1, 2], 2]);
});

test("one socket that swallows everything leads there too", async () => {
  const { sources } = await connected({ transport: undefined });
  for (let second = 0; second < 25; second += 5) await pass(5_000);
  await pass(500);
  assert.equal(sources.length, 1);
});

test("a browser that refuses to make sockets leads there too", async () => {
  const WebSocket = class {
    constructor() {
      throw new Error("blocked");
    }
  };
  const { sources } = await connected({ transport: undefined, WebSocket });
  await pass(250);
  await pass(500);
  assert.equal(sources.length, 1);
});

for (const [why, end] of [
  ["whose connections are lost", (socket) => (socket.hello(0), socket.drop())],
  ["that are refused with a code", (socket) => socket.drop(1012)],
]) {
  test(`sockets ${why} are not blocked`, async () => {
    const { sockets, sources } = await connected({ transport: undefined });
    for (let attempt = 0; attempt < 4; attempt++) {
      end(sockets.at(-1));
      await pass(30_000);
    }
    assert.deepEqual([sockets.length, sources.length], [5, 0]);
  });
}

test("failures count only in a row", async () => {
  const { sockets, sources } = await connected({ transport: undefined });
  for (let attempt = 0; attempt < 3; attempt++) {
    sockets.at(-1).drop();
    await pass(20_000);
    sockets.at(-1).hello(0);
    sockets.at(-1).drop();
    await pass(30_000);
  }
  assert.deepEqual([sockets.length, sources.length], [7, 0]);
});

test("being offline says nothing about sockets", async () => {
  const { window, sockets, sources } = await connected({ transport: undefined });
  for (let attempt = 0; attempt < 3; attempt++) {
    window.go("offline");
    window.go("online");
    await pass(0);
  }
  assert.deepEqual([sockets.length, sources.length], [4, 0]);
});

test("where nothing answers, both are tried in turn", async () => {
  const { sockets, sources } = await blocked();
  for (let attempt = 0; attempt < 2; attempt++) {
    sources.at(-1).drop();
    await pass(30_000);
  }
  assert.deepEqual([sockets.length, sources.length], [3, 2]);
});

test("a socket that gets through again takes over without loss or repeat", async () => {
  const { events, source, sockets, applied } = await blocked();
  source.hello(0);
  source.say(event(1));
  await pass(WITHIN_A_MINUTE);
  source.say(event(2), { type: "ping" });
  assert.equal(sockets[2].address.search, "?after=1&epoch=e1");
  sockets[2].hello(1, 2);
  await pass(0);
  assert.deepEqual([sockets[2].readyState, source.readyState], [3, 2]);
  assert.equal(sockets[3].address.search, "?after=2&epoch=e1");
  sockets[3].hello(2, 3);
  source.say(event(3));
  sockets[3].say(event(3));
  assert.deepEqual([applied, events.state.transport], [[1, 2, 3], "websocket"]);
});

test("the stream stays live while a socket is tried, which is tried more and more rarely", async () => {
  const { events, source, sockets } = await blocked();
  source.hello(0);
  const tries = [];
  for (let minute = 1; minute <= 15; minute++) {
    await pass(WITHIN_A_MINUTE);
    source.say({ type: "ping" });
    if (sockets.at(-1).readyState === 0) {
      sockets.at(-1).drop();
      tries.push(minute);
    }
    assert.equal(events.state.state, "live");
  }
  assert.deepEqual(tries, [1, 3, 6, 12]);
});

test("a try that is swallowed is given up", async () => {
  const { source, sockets } = await blocked();
  source.hello(0);
  await pass(WITHIN_A_MINUTE);
  await pass(25_000);
  source.say({ type: "ping" });
  assert.deepEqual([sockets.length, sockets[2].readyState], [3, 3]);
});

test("a client that is back on a socket tries no other", async () => {
  const { source, sources, sockets } = await blocked();
  source.hello(0);
  for (let attempt = 0; attempt < 3; attempt++) {
    sources.at(-1).drop();
    await pass(5_000);
  }
  sockets[2].hello(0);
  await pass(WITHIN_A_MINUTE);
  await pass(1_000);
  assert.equal(sockets.length, 3);
});

test("after close no socket is tried any more", async () => {
  const { events, source, sockets } = await blocked();
  source.hello(0);
  events.close();
  await pass(600_000);
  assert.deepEqual([sockets.length, source.readyState], [2, 2]);
});
