/**
 * Where a client stands in one user's stream: pure arithmetic, without input or output.
 *
 * Events are numbered 1, 2, 3 … without holes, so a number says by itself whether an event is new,
 * a repeat, or the far side of a loss. The server does the same sums in `emitter/cursor.py`; both are held
 * to one table of cases, `tests/vectors/cursor.json`.
 *
 * @typedef {{epoch: string | null, seq: number}} Position
 * @typedef {{verdict: "deliver" | "ignore" | "repair", from: number, then: number}} Step
 */

/**
 * What a reader at `position` does with the contiguous events `first` to `last`. `from` is the number to go
 * on from (the first event to deliver, or the event after which to read again), `then` the position afterwards.
 *
 * @param {number} position
 * @param {number} first
 * @param {number} last
 * @returns {Step}
 */
export function advance(position, first, last) {
  if (last <= position) return { verdict: "ignore", from: position, then: position };
  if (first <= position + 1) return { verdict: "deliver", from: position + 1, then: last };
  return { verdict: "repair", from: position, then: position };
}

/**
 * The position after a `hello`: the server decides where a session begins.
 *
 * @param {{epoch: string, after: number}} hello
 * @returns {Position}
 */
export function adopt(hello) {
  return { epoch: hello.epoch, seq: hello.after };
}

/**
 * The position after a `gap`: the next event to come is `first`.
 *
 * @param {{epoch: string, first: number}} gap
 * @returns {Position}
 */
export function skip(gap) {
  return { epoch: gap.epoch, seq: gap.first - 1 };
}
