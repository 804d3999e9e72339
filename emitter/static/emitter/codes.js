/**
 * Why a connection ended, and whether to come back by oneself. Mirrors `emitter/errors.py`.
 *
 * `retry`: connect again after a pause. `slow`: that pause is a long one.
 *
 * @typedef {{retry: boolean, slow: boolean, detail: string}} CloseCode
 */

/** @type {Record<number, CloseCode>} */
export const CLOSE_CODES = {
  1006: { retry: true, slow: false, detail: "The connection was lost." },
  1012: { retry: true, slow: false, detail: "The server is restarting." },
  4400: { retry: false, slow: false, detail: "The server could not read a frame. Reload the page." },
  4401: { retry: false, slow: false, detail: "You are signed out. Sign in again." },
  4403: { retry: false, slow: false, detail: "This account may not read these events." },
  4408: { retry: true, slow: false, detail: "This client fell too far behind." },
  4429: { retry: true, slow: true, detail: "Too many sessions are open. Close another tab or device." },
};

export const LOST = 1006;
export const SIGNED_OUT = 4401;

/**
 * @param {number} code
 * @returns {CloseCode}
 */
export function closing(code) {
  return (
    CLOSE_CODES[code] ?? {
      retry: false,
      slow: false,
      detail: `The server closed the connection (code ${code}). Connect again when it is well.`,
    }
  );
}
