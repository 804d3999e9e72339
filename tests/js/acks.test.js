import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { connected, event, pass } from "./fake_network.js";

afterEach(() => mock.timers.reset());

const run = (first, last) => Array.from({ length: last - first + 1 }, (_, index) => event(first + index));
const acks = (socket) => socket.sentOf("ack").map(({ seq }) => seq);

test("events of a quarter of a second share an acknowledgement", async () => {
  const { socket } = await connected();
  socket.hello(0);
  socket.say(event(1));
  await pass(200);
  socket.say(event(2));
  assert.deepEqual(acks(socket), []);
  await pass(50);
  assert.deepEqual(acks(socket), [2]);
});

test("a hundred events are acknowledged at once", async () => {
  const { socket } = await connected();
  socket.hello(0);
  socket.say({ type: "batch", events: run(1, 250) });
  assert.deepEqual(acks(socket), [100, 200]);
  await pass(250);
  assert.deepEqual(acks(socket), [100, 200, 250]);
});

test("what was acknowledged is not acknowledged again", async () => {
  const { socket } = await connected();
  socket.hello(0);
  socket.say(event(1));
  await pass(250);
  socket.say(event(1));
  await pass(1_000);
  assert.deepEqual(acks(socket), [1]);
});

test("a hidden page's late timer does not hold acknowledgements back", async () => {
  const { socket } = await connected();
  socket.hello(0);
  socket.say(event(1));
  mock.timers.setTime(Date.now() + 60_000);
  socket.say(event(2));
  assert.equal(acks(socket).at(-1), 2);
});

test("closing acknowledges first", async () => {
  const { events, socket } = await connected();
  socket.hello(0);
  socket.say(event(1));
  events.close();
  assert.deepEqual(acks(socket), [1]);
});

test("a new epoch's acknowledgements begin at its hello", async () => {
  const { socket, sockets } = await connected();
  socket.hello(40);
  socket.drop();
  await pass(250);
  sockets[1].hello(0, 1, "e2");
  sockets[1].say(event(1));
  await pass(250);
  assert.deepEqual(acks(sockets[1]), [1]);
});
