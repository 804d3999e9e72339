/**
 * The WebSocket transport. A transport opens one line and knows nothing of cursors or retries, so that
 * another (`stream.js`) can stand in its place.
 */

const PROTOCOL = "agent-events.v1";
const OPEN = 1;

/**
 * @param {typeof WebSocket} WebSocket
 * @returns {import("./client.js").Transport}
 */
export function socketTransport(WebSocket = globalThis.WebSocket) {
  return {
    name: "websocket",
    async open({ url, credentials, onframe, onclose }) {
      const address = new URL(url);
      address.protocol = address.protocol.replace("http", "ws");
      const socket = new WebSocket(address.href, [PROTOCOL, ...signed(credentials)]);
      socket.onmessage = (message) => onframe(JSON.parse(message.data));
      socket.onclose = (close) => onclose(close.code);
      return {
        send(frame) {
          if (socket.readyState !== OPEN) return false;
          socket.send(JSON.stringify(frame));
          return true;
        },
        close: () => socket.close(),
      };
    },
  };
}

/** @param {import("./client.js").Credentials} credentials */
function signed({ ticket, token }) {
  if (ticket !== undefined) return [`ticket.${ticket}`];
  return token === undefined ? [] : [`bearer.${token}`];
}
