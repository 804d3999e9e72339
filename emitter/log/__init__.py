"""The durable log: the only writer of streams, runs and events.

Appending gives numbers and stores rows in one transaction, so a number can neither be given twice nor be lost:
whoever asks for ``head`` sees exactly 1..head. That is the contract on which delivery stands; a store that numbered
and saved in two steps would break it.
"""

from emitter.log.append import Appended, append, append_here, dialect
from emitter.log.entry import Entry, Receipt, Unit
from emitter.log.read import (
    Stored,
    aheads,
    aread_after,
    bodies_at,
    heads,
    history,
    open_stream,
    ping,
    read_after,
    recent_after,
    run_of,
    running_keys,
    runs_of,
    stream_keys,
)
from emitter.log.usage import usage_of

__all__ = [
    "Appended",
    "Entry",
    "Receipt",
    "Stored",
    "Unit",
    "aheads",
    "append",
    "append_here",
    "aread_after",
    "bodies_at",
    "dialect",
    "heads",
    "history",
    "open_stream",
    "ping",
    "read_after",
    "recent_after",
    "run_of",
    "running_keys",
    "runs_of",
    "stream_keys",
    "usage_of",
]
