/**
 * How a client shows who it is: by a ticket, else by a token, else by the page's cookie.
 *
 * @typedef {import("./client.js").Credential} Credential
 */

/**
 * The credentials for one connection.
 *
 * @param {{ticket?: Credential, token?: Credential}} options
 * @returns {Promise<import("./client.js").Credentials>}
 */
export async function credentialsFrom({ ticket, token }) {
  if (ticket !== undefined) return { ticket: await valueOf(ticket) };
  if (token !== undefined) return { token: await valueOf(token) };
  return {};
}

/** @param {Credential} credential */
export async function valueOf(credential) {
  return typeof credential === "function" ? credential() : credential;
}
