/**
 * The HTTP API of the page's own session. A failure is a `Problem` whose message a person can act on.
 */

const UNREACHABLE = "The server could not be reached. Check the connection and try again.";
const SIGNED_OUT = "You are signed out. Sign in again; nothing that was asked is lost.";

export class Problem extends Error {
  /**
   * @param {string} detail
   * @param {number} status 0 when there was no answer
   * @param {string} code
   */
  constructor(detail, status, code) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** @param {string} path */
export function get(path) {
  return call(path, {});
}

/**
 * @param {string} path
 * @param {object} body
 */
export function post(path, body = {}) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": cookie("csrftoken") };
  return call(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/**
 * @param {string} path
 * @param {RequestInit} options
 * @returns {Promise<any>}
 */
async function call(path, options) {
  const response = await fetch(path, { credentials: "same-origin", ...options }).catch(() => null);
  if (!response) throw new Problem(UNREACHABLE, 0, "unreachable");
  if (response.ok) return response.json();
  throw await problemIn(response);
}

/** @param {Response} response */
async function problemIn(response) {
  const body = await response.json().catch(() => ({}));
  const code = body.code ?? `http_${response.status}`;
  if (response.status === 401) return new Problem(SIGNED_OUT, 401, code);
  const detail =
    body.detail ?? body.title ?? `The server answered with status ${response.status}. Try again in a moment.`;
  return new Problem(detail, response.status, code);
}

/** @param {string} name */
function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}
