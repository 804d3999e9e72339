/** What is remembered of one user: the conversation by this tab, the name as a device by this browser. */

export class Memory {
  #user;

  /** @param {string} user */
  constructor(user) {
    this.#user = user;
  }

  /** The conversation shown in this tab. */
  get thread() {
    return sessionStorage.getItem(`thread:${this.#user}`);
  }

  set thread(id) {
    sessionStorage.setItem(`thread:${this.#user}`, id ?? newId());
  }

  /** The same for every tab of this browser. */
  get device() {
    const key = `device:${this.#user}`;
    const device = localStorage.getItem(key) ?? newId();
    localStorage.setItem(key, device);
    return device;
  }
}

/** A random id; `crypto.randomUUID` is missing on plain http. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
