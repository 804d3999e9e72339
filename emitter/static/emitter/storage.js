/**
 * Remembers a position across a page reload, one for each address and device.
 *
 * The default is `sessionStorage`: two tabs of one device have each seen their own events, so one must not
 * resume from the other's position. Where the browser forbids storage, memory takes its place.
 */

export class PositionStore {
  #storage;
  #key;

  /**
   * @param {string} url
   * @param {string | undefined} device
   * @param {Pick<Storage, "getItem" | "setItem">} storage
   */
  constructor(url, device, storage = browserStorage()) {
    this.#storage = storage;
    this.#key = `agent-events:${device ?? ""}@${url}`;
  }

  /** @returns {import("./cursor.js").Position | null} */
  read() {
    try {
      const { epoch, seq } = JSON.parse(this.#storage.getItem(this.#key) ?? "{}");
      return typeof epoch === "string" && Number.isSafeInteger(seq) && seq >= 0 ? { epoch, seq } : null;
    } catch {
      return null;
    }
  }

  /** @param {import("./cursor.js").Position} position */
  write(position) {
    try {
      this.#storage.setItem(this.#key, JSON.stringify(position));
    } catch {
      // A full or forbidden storage costs the position after a reload; the server still has the device's own.
    }
  }
}

/** @returns {Pick<Storage, "getItem" | "setItem">} */
function browserStorage() {
  try {
    return globalThis.sessionStorage ?? memoryStorage();
  } catch {
    return memoryStorage();
  }
}

function memoryStorage() {
  /** @type {Map<string, string>} */
  const items = new Map();
  return {
    getItem: (/** @type {string} */ key) => items.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void items.set(key, value),
  };
}
