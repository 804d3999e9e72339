/**
 * A scripted network: sockets and streams that the test answers by hand, a window to go offline in, a clock that
 * waits.
 */

import { mock } from "node:test";
import { AgentEvents } from "../../emitter/static/emitter/client.js";

export const settle = () => new Promise((resolve) => setImmediate(resolve));

export const event = (seq, type = "agent_thinking") => ({
  type,
  seq,
  id: `id-${seq}`,
  run_id: "run-1",
  thread_id: "thread-1",
  agent_name: "analyst",
  timestamp: "2026-01-02T03:04:05.678Z",
  payload: { thought: `thought ${seq}` },
});

const hello = (after, head, epoch) => ({
  type: "hello",
  protocol: 1,
  epoch,
  head,
  after,
  heartbeat: 25,
  credit: { events: 1000, bytes: 1048576 },
});

class FakeWindow extends EventTarget {
  location = { href: "https://example.test/chat/" };
  navigator = { onLine: true };

  go(kind) {
    this.navigator.onLine = kind !== "offline";
    this.dispatchEvent(new Event(kind));
  }
}

/** The server's end of one socket, as `WebSocket` to the client. */
class FakeSocket {
  readyState = 0;
  sent = [];

  constructor(address, protocols) {
    this.address = new URL(address);
    this.protocols = protocols;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  say(...frames) {
    for (const frame of frames) this.onmessage({ data: JSON.stringify(frame) });
  }

  hello(after, head = after, epoch = "e1") {
    this.readyState = 1;
    this.say(hello(after, head, epoch));
  }

  drop(code = 1006) {
    this.readyState = 3;
    this.onclose({ code });
  }

  sentOf(type) {
    return this.sent.filter((frame) => frame.type === type);
  }
}

/** The server's end of one stream, as `EventSource` to the client: events without a name, control frames with one. */
class FakeSource {
  readyState = 0;
  #listeners = {};

  constructor(address) {
    this.address = new URL(address);
  }

  addEventListener(name, listener) {
    this.#listeners[name] = listener;
  }

  close() {
    this.readyState = 2;
  }

  say(...frames) {
    for (const frame of frames) {
      const message = { data: JSON.stringify(frame) };
      if ("seq" in frame && "id" in frame) this.onmessage(message);
      else if (frame.type === "error") this.onerror(message);
      else this.#listeners[frame.type]?.(message);
    }
  }

  hello(after, head = after, epoch = "e1") {
    this.readyState = 1;
    this.say(hello(after, head, epoch));
  }

  /** The connection breaks: a browser would come back by itself. */
  drop() {
    this.readyState = 0;
    this.onerror({});
  }

  /** The answer is not a stream, and a browser gives up. */
  refuse() {
    this.readyState = 2;
    this.onerror({});
  }
}

/** A client on a scripted network; `applied` and `states` are what it told. The clock waits for `pass`. */
export async function connected(options = {}) {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const [sockets, WebSocket] = collected(FakeSocket);
  const [sources, EventSource] = collected(FakeSource);
  const window = new FakeWindow();
  const events = new AgentEvents("/ws/events/", {
    WebSocket,
    EventSource,
    window,
    transport: "websocket",
    storage: memory(),
    random: () => 0.5,
    ...options,
  });
  const applied = [];
  const states = [];
  events.on("*", ({ seq }) => applied.push(seq));
  events.on("state", ({ state }) => states.push(state));
  events.connect();
  await settle();
  return { events, window, sockets, sources, applied, states, socket: sockets[0] };
}

/** A class whose instances end up in a list. */
function collected(Kind) {
  const made = [];
  const Collected = class extends Kind {
    constructor(...call) {
      super(...call);
      made.push(this);
    }
  };
  return [made, Collected];
}

/** A client whose sockets are blocked, listening to the stream that it fell back to. */
export async function blocked(options = {}) {
  const client = await connected({ transport: undefined, ...options });
  client.sockets[0].drop();
  await pass(250);
  client.sockets[1].drop();
  await pass(500);
  return { ...client, source: client.sources[0] };
}

/** HTTP as the test answers it, until the test is over; gives the calls. */
export function answerHttp(answer) {
  const calls = [];
  mock.method(globalThis, "fetch", async (address, options = {}) => {
    calls.push({ path: address.pathname + address.search, ...options });
    return answer(address);
  });
  return calls;
}

export async function pass(milliseconds) {
  mock.timers.tick(milliseconds);
  await settle();
}

export function memory(items = new Map()) {
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value) };
}

/** Numbers from 0 up to 1, the same for the same seed. */
export function seeded(seed) {
  return () => {
    seed = (seed * 1664525 + 1013904223) % 2 ** 32;
    return seed / 2 ** 32;
  };
}
