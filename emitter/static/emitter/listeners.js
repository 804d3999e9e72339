/**
 * Who wants to hear what. A listener that throws is reported and stops nobody else: an event that was handed
 * out counts as applied.
 */

const OWN_WORDS = new Set(["*", "state", "gap", "error"]);

export class Listeners {
  /** @type {Map<string, Set<(value: any) => void>>} */
  #sets = new Map();
  /** @type {{types: string[] | null, runId: string | null}} */
  #only = { types: null, runId: null };

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
   * A server that hears the filter leaves the rest out itself; over a stream it cannot hear.
   *
   * @param {{types: string[] | null, runId: string | null}} only
   */
  filter(only) {
    this.#only = only;
  }

  /**
   * An event goes to those who want its type, and to those who want everything.
   *
   * @param {import("./client.js").AgentEvent} event
   */
  deliver(event) {
    const { types, runId } = this.#only;
    if ((types && !types.includes(event.type)) || (runId !== null && runId !== event.run_id)) return;
    if (!OWN_WORDS.has(event.type)) this.tell(event.type, event);
    this.tell("*", event);
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
