"""The tables, by the room that writes their rows. Everybody takes them from here.

There is no foreign key to the user model: a stream is named by the user's key, so the users may live elsewhere, and an
erased user leaves no dangling row.
"""

from emitter.models.delivery import Device
from emitter.models.jobs import Duty
from emitter.models.log import KEY_LENGTH, Event, Run, RunState, Stream, Writer
from emitter.models.metering import Budget, BudgetNotice, DailyUsage, EventUsage, Per, RollUp, RunUsage, Used
from emitter.models.migration import AdapterMode, AdapterTally, Mode, ShadowDifference
from emitter.models.policy import AccessRecord, Refusal, ServiceKey, Ticket

__all__ = [
    "KEY_LENGTH",
    "AccessRecord",
    "AdapterMode",
    "AdapterTally",
    "Budget",
    "BudgetNotice",
    "DailyUsage",
    "Device",
    "Duty",
    "Event",
    "EventUsage",
    "Mode",
    "Per",
    "Refusal",
    "RollUp",
    "Run",
    "RunState",
    "RunUsage",
    "ServiceKey",
    "ShadowDifference",
    "Stream",
    "Ticket",
    "Used",
    "Writer",
]
