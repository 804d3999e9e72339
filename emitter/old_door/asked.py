"""The runs that an older client asks for, and how it names them when it wants one stopped."""

from __future__ import annotations

from collections import OrderedDict

from emitter import agents, blocking, log
from emitter.context import check_id
from emitter.errors import NotAllowed
from emitter.models import Run, RunState
from emitter.old_door.messages import Start, Stop
from emitter.policy.identity import Identity

#: Names of runs that are kept for one connection.
NAMES = 100


class Asked:
    """One connection's runs. A client's name for a run (``cli_DATE_TIME_PID``) is known here and nowhere else.

    ``thread`` is where a question goes that names none.
    """

    def __init__(self, thread: str | None = None) -> None:
        self._thread = thread
        self._names: OrderedDict[str, str] = OrderedDict()

    async def start(self, who: Identity, wanted: Start) -> None:
        """Sets the agent to work; everything else is told by the run's events."""
        question = agents.check_question(wanted.text)
        name = None if wanted.run is None else check_id("run_id", wanted.run)
        context = await agents.start(who.key, question, wanted.thread or self._thread)
        if name is not None:
            self._names[name] = context.run_id
            if len(self._names) > NAMES:
                self._names.popitem(last=False)

    async def stop(self, who: Identity, wanted: Stop) -> None:
        """Stops the run that is meant. Raises ``not_found``."""
        run = await blocking.run(_meant, who.key, wanted, self._names.get(wanted.run or ""))
        await agents.acancel(run, who)


def _meant(key: str, wanted: Stop, named: str | None) -> str:
    """The run of this name, else the last one at work in the thread, or at all where no thread is named."""
    for run_id in (named, wanted.run):
        if run_id is not None and (run := log.run_of(run_id)) is not None and run.stream == key:
            return run.id
    in_thread = {} if wanted.thread is None else {"thread": wanted.thread}
    at_work: list[Run] = log.runs_of(key, 1, state=RunState.RUNNING, **in_thread)
    if not at_work:
        raise NotAllowed("not_found", "There is no run of yours at work that could be stopped.")
    return at_work[0].id
