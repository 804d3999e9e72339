/**
 * The Server-Sent Events transport, for where WebSockets are blocked. Its line only listens: nothing is
 * acknowledged, asked for again or answered.
 */

import { LOST, SIGNED_OUT } from "./codes.js";
import { httpAddress, post } from "./http.js";

const CONTROL_FRAMES = ["hello", "gap", "position", "ping", "expiring"];
const REFUSED = 2;
const FORBIDDEN = 4403;

/**
 * @param {string} path
 * @param {typeof EventSource} EventSource
 * @returns {import("./client.js").Transport}
 */
export function streamTransport(path, EventSource = globalThis.EventSource) {
  return {
    name: "sse",
    async open({ url, credentials, onframe, onclose }) {
      const address = httpAddress(path, url);
      const ticket = await ticketFrom(credentials, address);
      address.search = url.search;
      if (ticket) address.searchParams.set("ticket", ticket);
      const source = new EventSource(address.href);
      const hear = (/** @type {MessageEvent} */ message) => onframe(JSON.parse(message.data));
      source.onmessage = hear;
      for (const name of CONTROL_FRAMES) source.addEventListener(name, hear);
      source.addEventListener("close", ({ data }) => onclose(JSON.parse(data).code));
      source.onerror = async (error) => {
        if ("data" in error) return hear(/** @type {MessageEvent} */ (error));
        const refused = source.readyState === REFUSED;
        source.close(); // A browser would come back by itself, with a spent ticket and an old position.
        onclose(refused ? await reason(address, ticket) : LOST);
      };
      return { send: () => false, close: () => source.close() };
    },
  };
}

/**
 * A token has no place in an address, so it is traded for a ticket.
 *
 * @param {import("./client.js").Credentials} credentials
 * @param {URL} stream
 */
async function ticketFrom({ ticket, token }, stream) {
  if (token === undefined) return ticket;
  return (await post(new URL("../../tickets/", stream), token)).ticket;
}

/**
 * An `EventSource` keeps the status of a refusal to itself; the history beside the stream tells it.
 *
 * @param {URL} stream
 * @param {string} [ticket]
 */
async function reason(stream, ticket) {
  const history = new URL("../?limit=1", stream);
  if (ticket) history.searchParams.set("ticket", ticket);
  const { status } = await fetch(history).catch(() => ({ status: 0 }));
  if (status === 401) return SIGNED_OUT;
  return status === 403 ? FORBIDDEN : LOST;
}
