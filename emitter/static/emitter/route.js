/**
 * Which transport to take: the first one, and the next where no attempt gets as far as its hello.
 *
 * Two failures in a row are enough, or one that is silence: whoever blocks sockets often just swallows them.
 */

import { socketTransport } from "./socket.js";
import { streamTransport } from "./stream.js";

export const STREAM = "/api/events/stream/";
const TRIES = 2;

/**
 * The transports that these options leave, the preferred one first.
 *
 * @param {import("./client.js").Options} options
 * @returns {import("./client.js").Transport[]}
 */
export function transportsFrom({ transport, stream = STREAM, WebSocket, EventSource = globalThis.EventSource }) {
  const known = { websocket: socketTransport(WebSocket), sse: streamTransport(stream, EventSource) };
  if (transport) return [known[transport]];
  return EventSource ? [known.websocket, known.sse] : [known.websocket];
}

export class Route {
  #transports;
  #taken = 0;
  #failures = 0;

  /** @param {import("./client.js").Transport[]} transports the first one is the one to come back to */
  constructor(transports) {
    this.#transports = transports;
  }

  get first() {
    return this.#transports[0];
  }

  get taken() {
    return this.#transports[this.#taken];
  }

  get isDetour() {
    return this.#taken > 0;
  }

  /** An attempt ended before its hello. */
  failed({ silent = false } = {}) {
    this.#failures += silent ? TRIES : 1;
    if (this.#failures < TRIES) return;
    this.#failures = 0;
    this.#taken = (this.#taken + 1) % this.#transports.length;
  }

  /** A line said hello. */
  arrived() {
    this.#failures = 0;
  }

  goHome() {
    this.#failures = 0;
    this.#taken = 0;
  }
}
