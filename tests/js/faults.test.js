import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { connected, event, pass, seeded } from "./fake_network.js";

afterEach(() => mock.timers.reset());

const LENGTH = 60;

/** Says the log from `after` on over a line that loses, repeats and swaps frames as `random` has it. */
function sayBadly(line, after, random, head = LENGTH) {
  const frames = [];
  for (let seq = after + 1; seq <= head; seq++) {
    const luck = random();
    if (luck < 0.1) continue;
    frames.push(event(seq));
    if (luck < 0.2) frames.push(event(seq));
    if (luck < 0.3 && frames.length > 1) frames.push(...frames.splice(-2).reverse());
  }
  for (const frame of frames) {
    if (random() < 0.02) return line.drop(random() < 0.5 ? 1006 : 4408);
    line.say(frame);
  }
}

/** Answers as the server would until the client has everything: resumes on one line, hellos on new ones. */
async function serve({ sockets, applied }, random) {
  let answered = 0;
  for (let round = 0; round < 500 && applied.length < LENGTH; round++) {
    const socket = sockets.at(-1);
    if (socket.readyState === 0) {
      const after = Number(socket.address.searchParams.get("after") ?? 0);
      socket.hello(after, LENGTH);
      answered = 0;
      sayBadly(socket, after, random);
    } else if (socket.sentOf("resume").length > answered) {
      sayBadly(socket, socket.sentOf("resume")[answered++].after, random);
    }
    await pass(1_000);
  }
}

/** The same server while its log grows, on every line that is open; while sockets are blocked it drops them. */
function serveGrowing({ sockets, sources }, head, random) {
  const areBlocked = head > 10 && head < 40;
  for (const line of [...sockets, ...sources].filter(({ readyState }) => readyState < 2)) {
    if (areBlocked && sockets.includes(line)) {
      line.drop();
      continue;
    }
    if (line.readyState === 0) {
      line.told = Number(line.address.searchParams.get("after") ?? 0);
      line.hello(line.told, head);
    }
    const resume = line.sentOf?.("resume").at(-1);
    if (resume !== line.answered) line.told = resume.after;
    line.answered = resume;
    sayBadly(line, line.told, random, head);
    line.told = head;
  }
}

for (let seed = 1; seed <= 25; seed++) {
  test(`a bad line delivers everything once and in order (seed ${seed})`, async () => {
    const random = seeded(seed);
    const client = await connected({ after: 0 });
    await serve(client, random);
    assert.deepEqual(
      client.applied,
      Array.from({ length: LENGTH }, (_, index) => index + 1),
    );
  });
}

for (let seed = 1; seed <= 25; seed++) {
  test(`sockets that are blocked for a while cost nothing (seed ${seed})`, async () => {
    const random = seeded(seed);
    const client = await connected({ transport: undefined, after: 0 });
    const isHome = () => client.applied.length >= LENGTH && client.events.state.transport === "websocket";
    for (let second = 1; second < 500 && !isHome(); second++) {
      serveGrowing(client, Math.min(second, LENGTH), random);
      await pass(1_000);
    }
    assert.ok(client.sources.length > 0 && isHome());
    assert.deepEqual(
      client.applied,
      Array.from({ length: LENGTH }, (_, index) => index + 1),
    );
  });
}
