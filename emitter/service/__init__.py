"""The one way in. ``from emitter.service import emitter``; ``emitter.emit(context, event)``."""

from emitter.log.entry import Receipt
from emitter.service.emitter import Emitter, emitter
from emitter.service.ownership import acontext_of, context_of
from emitter.service.prepare import Item
from emitter.service.runs import AsyncRun, Run
from emitter.service.story import RunEnded

__all__ = ["AsyncRun", "Emitter", "Item", "Receipt", "Run", "RunEnded", "acontext_of", "context_of", "emitter"]
