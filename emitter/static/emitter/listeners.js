/**
 * Who wants to hear what. A listener that throws is reported and stops nobody else: an event that was handed
 * out counts as applied.
 */

export class Listeners {
  /** @type {Map<string, Set<(value: any) => void>>} */
  #sets = new Map();

  /**
   * @param {string} type
   * @param {(value: any) => void} listener
   * @returns {() => void} takes the listener off again
   */
  add(type, listener) {
    const set = this.#sets.get(type) ?? new Set();
    this.#sets.set(type, set.add(listener));
    return () => void set.delete(listener);
  }

  /**
   * @param {string} type
   * @param {any} value
   */
  tell(type, value) {
    for (const listener of [...(this.#sets.get(type) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** @param {unknown} error */
function report(error) {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else console.error(error);
}
