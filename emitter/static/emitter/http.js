/**
 * What is said by plain HTTP where a line cannot carry it.
 */

import { valueOf } from "./credentials.js";

/**
 * An address of the HTTP API; beside a socket's address, `ws:` becomes `http:`.
 *
 * @param {string} path
 * @param {string | URL} base
 */
export function httpAddress(path, base) {
  const address = new URL(path, base);
  address.protocol = address.protocol.replace("ws", "http");
  return address;
}

/**
 * Posts as the bearer of `token`, or as the page's own session. A refusal is an `Error` with `status` and `code`.
 *
 * @param {URL} address
 * @param {string} [token]
 * @returns {Promise<any>}
 */
export async function post(address, token) {
  /** @type {Record<string, string>} */
  const headers = token ? { Authorization: `Bearer ${token}` } : { "X-CSRFToken": csrfToken() };
  const response = await fetch(address, { method: "POST", headers });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const detail = answer.detail ?? `The server answered with status ${response.status}. Try again in a moment.`;
  throw Object.assign(new Error(detail), { status: response.status, code: answer.code });
}

/**
 * @param {URL} stream the address of the stream, which the run's lies beside
 * @param {string} runId
 * @param {import("./client.js").Credential} [token]
 */
export async function stopRun(stream, runId, token) {
  const address = new URL(`../../runs/${encodeURIComponent(runId)}/cancel/`, stream);
  await post(address, token && (await valueOf(token)));
}

function csrfToken() {
  const cookies = globalThis.document?.cookie.split("; ") ?? [];
  const found = cookies.find((cookie) => cookie.startsWith("csrftoken="));
  return decodeURIComponent(found?.slice("csrftoken=".length) ?? "");
}
