"""The one way out: sessions read a user's stream to a client, whatever the transport."""

from emitter.delivery.reception import Reception, reception_here
from emitter.delivery.session import Session
from emitter.delivery.visitor import Visitor

__all__ = ["Reception", "Session", "Visitor", "reception_here"]
