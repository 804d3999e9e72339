import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { connected, event, memory, pass } from "./fake_network.js";

afterEach(() => mock.timers.reset());

test("each event is applied once and in order", async () => {
  const { socket, applied } = await connected();
  socket.hello(0);
  socket.say(event(1), event(1), event(2));
  socket.say({ type: "batch", events: [event(2), event(3), event(4)] }, event(3));
  assert.deepEqual(applied, [1, 2, 3, 4]);
});

test("listeners hear their own type only", async () => {
  const { events, socket } = await connected();
  const heard = [];
  const off = events.on("agent_completed", (completed) => heard.push(completed.seq));
  socket.hello(0);
  socket.say(event(1), event(2, "agent_completed"));
  off();
  socket.say(event(3, "agent_completed"));
  assert.deepEqual(heard, [2]);
});

test("an event named like one of the client's own words reaches only those who hear everything", async () => {
  const { socket, applied, states } = await connected();
  socket.hello(0);
  socket.say(event(1, "state"));
  assert.deepEqual(applied, [1]);
  assert.deepEqual(states, ["connecting", "live"]);
});

test("a listener that throws loses nobody an event", async () => {
  const { events, socket, applied } = await connected();
  const report = mock.method(console, "error", () => {});
  events.on("agent_thinking", () => {
    throw new Error("a listener's own fault");
  });
  socket.hello(0);
  socket.say(event(1), event(2));
  assert.deepEqual(applied, [1, 2]);
  assert.equal(report.mock.callCount(), 2);
  report.mock.restore();
});

test("a hole is asked for once, and what comes after it waits", async () => {
  const { socket, applied } = await connected();
  socket.hello(0);
  socket.say(event(1), event(3), event(4));
  assert.deepEqual(socket.sentOf("resume"), [{ type: "resume", epoch: "e1", after: 1 }]);
  assert.deepEqual(applied, [1]);
  socket.say({ type: "batch", events: [event(2), event(3), event(4)] });
  assert.deepEqual(applied, [1, 2, 3, 4]);
});

test("events that come in the wrong order are applied in the right one", async () => {
  const { socket, applied } = await connected();
  socket.hello(0);
  socket.say(event(2), event(1));
  assert.deepEqual(applied, [1]);
  socket.say(event(2), event(3));
  assert.deepEqual(applied, [1, 2, 3]);
});

test("a hole that was filled leaves the line alone", async () => {
  const { socket, sockets, applied } = await connected();
  socket.hello(0);
  socket.say(event(1), event(3), event(2), event(3));
  await pass(6_000);
  assert.deepEqual(applied, [1, 2, 3]);
  assert.equal(sockets.length, 1);
});

test("a resume that stays unanswered ends in a new connection", async () => {
  const { socket, sockets } = await connected();
  socket.hello(0);
  socket.say(event(1), event(3));
  await pass(5_000);
  await pass(250);
  assert.equal(sockets[1].address.search, "?after=1&epoch=e1");
});

test("a gap is told, and moves the cursor to before its first event", async () => {
  const { events, socket, applied } = await connected({ after: 12, epoch: "e1" });
  const gaps = [];
  events.on("gap", (gap) => gaps.push(gap));
  socket.hello(96, 98, "e2");
  socket.say({ type: "gap", after: 12, first: 97, reason: "epoch", epoch: "e2" }, event(97));
  assert.deepEqual(gaps, [{ after: 12, first: 97, reason: "epoch", epoch: "e2" }]);
  assert.deepEqual(applied, [97]);
  assert.deepEqual(events.position, { epoch: "e2", seq: 97 });
});

test("a position moves the cursor and is acknowledged", async () => {
  const { events, socket, applied } = await connected();
  socket.hello(0);
  socket.say(event(1), { type: "position", seq: 50 }, event(51));
  assert.deepEqual(applied, [1, 51]);
  await pass(250);
  assert.deepEqual(socket.sentOf("ack"), [{ type: "ack", seq: 51 }]);
  assert.equal(events.position.seq, 51);
});

test("a position beside a hole proves nothing", async () => {
  const { events, socket } = await connected();
  socket.hello(0);
  socket.say(event(1), event(3), { type: "position", seq: 9 });
  assert.equal(events.position.seq, 1);
});

test("a filter is sent again on every connection", async () => {
  const { events, socket, sockets } = await connected();
  socket.hello(0);
  events.filter({ types: ["agent_completed"] });
  socket.drop();
  await pass(250);
  sockets[1].hello(0);
  const filter = { type: "filter", types: ["agent_completed"], run_id: null };
  assert.deepEqual([socket.sent, sockets[1].sent], [[filter], [filter]]);
});

test("the state says how far behind a client is", async () => {
  const { events, socket } = await connected();
  const told = [];
  events.on("state", ({ state, behind }) => told.push([state, behind]));
  socket.hello(0, 3);
  socket.say(event(1), { type: "batch", events: [event(2), event(3)] }, event(4));
  assert.deepEqual(told, [
    ["catching-up", 3],
    ["catching-up", 2],
    ["live", 0],
  ]);
});

test("errors of the server are told", async () => {
  const { events, socket } = await connected();
  const told = [];
  events.on("error", (problem) => told.push(problem));
  socket.hello(0);
  socket.say({ type: "error", code: "bad_ack", detail: "Above what was written." });
  assert.deepEqual(told, [{ code: "bad_ack", detail: "Above what was written." }]);
});

test("a run is cancelled through the socket", async () => {
  const { events, socket } = await connected();
  socket.hello(0);
  events.cancel("run-19");
  assert.deepEqual(socket.sent, [{ type: "cancel", run_id: "run-19" }]);
});

test("a reload goes on after the last event applied", async () => {
  const storage = memory();
  const first = await connected({ device: "laptop", storage });
  first.socket.hello(0);
  first.socket.say(event(1), event(2));
  first.window.dispatchEvent(new Event("pagehide"));
  assert.deepEqual(first.socket.sentOf("ack"), [{ type: "ack", seq: 2 }]);
  mock.timers.reset();
  const second = await connected({ device: "laptop", storage });
  assert.equal(second.socket.address.href, "wss://example.test/ws/events/?device=laptop&after=2&epoch=e1");
});

test("a start that is given beats the remembered one", async () => {
  const storage = memory();
  const first = await connected({ storage });
  first.socket.hello(40);
  mock.timers.reset();
  const second = await connected({ storage, after: 0 });
  assert.equal(second.socket.address.search, "?after=0");
});

test("after close nothing is heard or said", async () => {
  const { events, socket, applied, states } = await connected();
  socket.hello(0);
  events.on("agent_thinking", () => events.close());
  socket.say({ type: "batch", events: [event(1), event(2)] });
  assert.deepEqual(applied, [1]);
  assert.equal(states.at(-1), "closed");
});
