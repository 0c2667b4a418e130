"""The only package that speaks NATS: the embedded server, connections, questions, streams."""

from vonggac.bus.asker import ANSWER_S, Asker, Question, fault, nats_status
from vonggac.bus.connection import Connection, Message, Subscription, connect
from vonggac.bus.leaf import Parent
from vonggac.bus.presence import Account, Change, Link, Presence, What
from vonggac.bus.server import MAX_PAYLOAD, Address, NatsServer, Settings, find_server
from vonggac.bus.sources import Child, follow
from vonggac.bus.streams import (
    BATCH,
    Delivery,
    LedgerReader,
    LedgerWriter,
    decode_want,
    ensure_streams,
    held_orders,
    last_order,
    order,
    revoke,
)

__all__ = [
    "ANSWER_S",
    "BATCH",
    "MAX_PAYLOAD",
    "Account",
    "Address",
    "Asker",
    "Change",
    "Child",
    "Connection",
    "Delivery",
    "LedgerReader",
    "LedgerWriter",
    "Link",
    "Message",
    "NatsServer",
    "Parent",
    "Presence",
    "Question",
    "Settings",
    "Subscription",
    "What",
    "connect",
    "decode_want",
    "ensure_streams",
    "fault",
    "find_server",
    "follow",
    "held_orders",
    "last_order",
    "nats_status",
    "order",
    "revoke",
]
