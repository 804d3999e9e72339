import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { connected, event, pass, seeded } from "./fake_network.js";

afterEach(() => mock.timers.reset());

const LENGTH = 60;

/** Says the log from `after` on over a line that loses, repeats and swaps frames as `random` has it. */
function sayBadly(socket, after, random) {
  const frames = [];
  for (let seq = after + 1; seq <= LENGTH; seq++) {
    const luck = random();
    if (luck < 0.1) continue;
    frames.push(event(seq));
    if (luck < 0.2) frames.push(event(seq));
    if (luck < 0.3 && frames.length > 1) frames.push(...frames.splice(-2).reverse());
  }
  for (const frame of frames) {
    if (random() < 0.02) return socket.drop(random() < 0.5 ? 1006 : 4408);
    socket.say(frame);
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
