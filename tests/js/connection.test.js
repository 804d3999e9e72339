import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { CLOSE_CODES } from "../../emitter/static/emitter/codes.js";
import { connected, event, pass } from "./fake_network.js";

afterEach(() => mock.timers.reset());

test("the protocol is offered alone, or with a ticket or a token", async () => {
  const offers = [];
  for (const options of [{}, { ticket: "T" }, { token: async () => "J" }]) {
    offers.push((await connected(options)).socket.protocols);
    mock.timers.reset();
  }
  const v1 = "agent-events.v1";
  assert.deepEqual(offers, [[v1], [v1, "ticket.T"], [v1, "bearer.J"]]);
});

test("a fresh ticket is fetched for each connection", async () => {
  let count = 0;
  const { sockets } = await connected({ ticket: async () => `T${++count}` });
  sockets[0].drop();
  await pass(250);
  assert.deepEqual(
    sockets.map(({ protocols }) => protocols[1]),
    ["ticket.T1", "ticket.T2"],
  );
});

test("a refused ticket means signed out, a failed one another try", async () => {
  let status = 503;
  const ticket = async () => {
    throw Object.assign(new Error("The ticket was refused."), { status });
  };
  const { states, sockets } = await connected({ ticket });
  status = 401;
  await pass(250);
  assert.deepEqual(states, ["connecting", "reconnecting", "connecting", "signed-out"]);
  assert.equal(sockets.length, 0);
});

test("a lost connection is resumed with device, position and epoch", async () => {
  const { socket, sockets, applied } = await connected({ device: "laptop" });
  socket.hello(0);
  socket.say(event(1));
  socket.drop();
  await pass(250);
  assert.equal(sockets[1].address.search, "?device=laptop&after=1&epoch=e1");
  sockets[1].hello(1, 2);
  sockets[1].say(event(2));
  assert.deepEqual(applied, [1, 2]);
});

for (const [code, { retry, slow }] of Object.entries(CLOSE_CODES)) {
  test(`${code} ${retry ? "comes back" : "stays away"}${slow ? " after a long pause" : ""}`, async () => {
    const { socket, sockets } = await connected();
    socket.hello(0);
    socket.drop(Number(code));
    await pass(20_000);
    assert.equal(sockets.length, retry && !slow ? 2 : 1);
    await pass(600_000);
    assert.equal(sockets.length > 1, retry);
  });
}

test("a code that is not in the table stays away and says its number", async () => {
  const { events, socket } = await connected();
  socket.drop(1011);
  assert.equal(events.state.state, "closed");
  assert.match(events.state.detail, /1011/);
});

test("the state counts down, and connect tries at once", async () => {
  const { events, socket, sockets } = await connected({ random: () => 1 });
  for (let attempt = 0; attempt < 4; attempt++) {
    sockets.at(-1).drop();
    if (attempt < 3) await pass(30_000);
  }
  assert.equal(events.state.retryIn, 4);
  events.connect();
  await pass(0);
  assert.equal(sockets.length, 5);
  assert.equal(events.state.state, "connecting");
  assert.equal(socket.sent.length, 0);
});

test("a person is told what happened in words", async () => {
  const { events, socket } = await connected();
  socket.drop(4403);
  assert.equal(events.state.state, "closed");
  assert.equal(events.state.detail, "This account may not read these events.");
});

test("pings are answered", async () => {
  const { socket } = await connected();
  socket.hello(0);
  socket.say({ type: "ping" });
  assert.deepEqual(socket.sent, [{ type: "pong" }]);
});

test("two and a half silent heartbeats end a connection", async () => {
  const { socket, sockets, states } = await connected();
  socket.hello(0);
  await pass(50_000);
  socket.say({ type: "ping" });
  await pass(50_000);
  assert.equal(sockets.length, 1);
  await pass(12_500);
  assert.equal(states.at(-1), "reconnecting");
  await pass(250);
  assert.equal(sockets.length, 2);
});

test("a server that never says hello is given up", async () => {
  const { states } = await connected();
  for (let second = 0; second < 25; second += 5) await pass(5_000);
  assert.equal(states.at(-1), "reconnecting");
});

test("a line that was given up is no longer heard", async () => {
  const { events, socket, applied } = await connected();
  socket.hello(0);
  socket.drop();
  socket.say(event(1));
  socket.drop(4401);
  assert.deepEqual(applied, []);
  assert.equal(events.state.state, "reconnecting");
});

test("an expiring token is renewed", async () => {
  let count = 0;
  const { socket } = await connected({ token: async () => `J${++count}` });
  socket.hello(0);
  socket.say({ type: "expiring", in: 25 });
  await pass(0);
  assert.deepEqual(socket.sent, [{ type: "auth", token: "J2" }]);
});

test("offline waits for the network instead of trying", async () => {
  const { window, socket, sockets, states } = await connected();
  socket.hello(0);
  window.go("offline");
  await pass(600_000);
  assert.deepEqual([states.at(-1), sockets.length], ["offline", 1]);
  window.go("online");
  await pass(0);
  assert.equal(sockets.length, 2);
});

test("a closed client does not come back with the network", async () => {
  const { events, window, sockets } = await connected();
  events.close();
  window.go("offline");
  window.go("online");
  await pass(60_000);
  assert.equal(sockets.length, 1);
});

test("short connections wait longer and longer, a good one begins anew", async () => {
  const { events, sockets } = await connected({ random: () => 1 });
  const drop = () => {
    sockets.at(-1).hello(0);
    sockets.at(-1).drop();
    return events.state.retryIn;
  };
  drop();
  await pass(500);
  drop();
  await pass(1_000);
  assert.equal(drop(), 2);
  await pass(2_000);
  sockets.at(-1).hello(0);
  await pass(10_000);
  sockets.at(-1).drop();
  assert.equal(events.state.retryIn, 1);
});
