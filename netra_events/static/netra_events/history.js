/**
 * What happened before the page was opened, read from the log.
 *
 * The head is asked for first and the socket goes on after it: an event that lies between is told twice at
 * most, and the runs tell repeats apart by their number.
 */

import { get } from "./api.js";
import { newRun, tell } from "./runs.js";

const RUNS = 10;
const STATES = /** @type {const} */ ({
  completed: "done",
  cancelled: "stopped",
  failed: "failed",
  died: "lost",
});

/**
 * The last runs of a conversation, oldest first; of the newest conversation when none is named.
 *
 * @param {string | null} threadId
 */
export async function recall(threadId) {
  const { head, epoch } = await get("/api/events/?after=0&limit=1");
  const listed = (await get("/api/runs/?limit=100")).runs;
  const thread = threadId ?? listed[0]?.thread_id ?? null;
  const wanted = listed
    .filter((/** @type {any} */ run) => run.thread_id === thread)
    .slice(0, RUNS)
    .reverse();
  return {
    threadId: thread,
    position: { after: head, epoch },
    runs: await Promise.all(wanted.map(recallRun)),
  };
}

/** @param {any} listed */
async function recallRun({ run_id, thread_id, state, question, started_at, first_seq }) {
  let run = newRun(run_id, thread_id, { question: question ?? "", startedAt: started_at });
  let after = first_seq - 1;
  for (let more = true; more;) {
    const page = await get(`/api/events/?run_id=${encodeURIComponent(run_id)}&after=${after}&limit=1000`);
    run = page.events.reduce(tell, run);
    more = page.next_after > after && page.next_after < page.head;
    after = page.next_after;
  }
  const ended = STATES[/** @type {keyof typeof STATES} */ (state)];
  return ended && run.state === "running" ? { ...run, state: ended } : run;
}
