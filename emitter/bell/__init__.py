"""The bell: tells that a stream has grown. The only holder of the channel layer.

Everything here may be lost, repeated or late; that costs time and never data, because whoever hears compares numbers
and reads the log. The message is documented and any Channels consumer may join ``user_group(key)``::

    {"type": "agent.events", "stream": KEY, "epoch": EPOCH, "head": 128, "events": [TEXT, ...]}

``events`` are the events up to ``head`` as JSON texts, exactly as they go to a client; it is empty when they are large.
"""

from emitter.bell.address import redis_address
from emitter.bell.group import user_group
from emitter.bell.hub import Hub, Listener, hub_here
from emitter.bell.ringer import probe, ring

__all__ = ["Hub", "Listener", "hub_here", "probe", "redis_address", "ring", "user_group"]
