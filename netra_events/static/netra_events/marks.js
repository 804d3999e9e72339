/** The small number that each event carries. */

import { make } from "./dom.js";

/** @param {import("./runs.js").Mark} mark */
export function number({ seq, type, timestamp }) {
  const time = new Date(timestamp).toLocaleTimeString();
  const title = `${type}, event ${seq} of your stream, ${time}`;
  return make("span", { class: "number", "data-event": type, "data-seq": String(seq), title }, `#${seq}`);
}
