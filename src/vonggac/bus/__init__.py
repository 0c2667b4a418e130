"""The only package that speaks NATS: the embedded server, connections, questions, streams."""

from vonggac.bus.asker import ANSWER_S, Asker, Question, fault, nats_status
from vonggac.bus.connection import Connection, Message, Subscription, connect
from vonggac.bus.server import MAX_PAYLOAD, Address, NatsServer, Settings, find_server
from vonggac.bus.streams import (
    BATCH,
    Delivery,
    LedgerReader,
    LedgerWriter,
    decode_want,
    ensure_streams,
    last_order,
    order,
    revoke,
)

__all__ = [
    "ANSWER_S",
    "BATCH",
    "MAX_PAYLOAD",
    "Address",
    "Asker",
    "Connection",
    "Delivery",
    "LedgerReader",
    "LedgerWriter",
    "Message",
    "NatsServer",
    "Question",
    "Settings",
    "Subscription",
    "connect",
    "decode_want",
    "ensure_streams",
    "fault",
    "find_server",
    "last_order",
    "nats_status",
    "order",
    "revoke",
]
