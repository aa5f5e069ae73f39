"""The command table: queues."""

from typing import Final

from penstock.protocol.errors import ErrorCode
from penstock.protocol.grammar import Command, Flag, Kind, Parameter

_SINCE: Final = "0.1.0"

QUEUE_COMMANDS: Final = (
    Command(
        name="QUEUE.LIST",
        arity=1,
        category="queue",
        summary="List the queues and how many jobs they hold.",
        since=_SINCE,
        reply="Array with, for each queue, a flat array of names and values.",
        reply3="Array of maps.",
        flags=frozenset({Flag.WHEN_DRAINING}),
        complexity="O(N) with N queues.",
        notes="Names: name, ready, scheduled, claimed, completed, dead.",
    ),
    Command(
        name="QUEUE.SHOW",
        arity=2,
        category="queue",
        summary="Show one queue: how many jobs it holds and what happened to them.",
        since=_SINCE,
        reply="Array of names and values, flat.",
        reply3="Map.",
        flags=frozenset({Flag.WHEN_DRAINING}),
        complexity="O(1)",
        parameters=(Parameter("name", Kind.NAME, "The queue."),),
        errors=(ErrorCode.NOQUEUE,),
        notes="Names: those of QUEUE.LIST; submitted, duplicates, claims, completions, failures, "
        "retries, deaths, releases and expirations, counted since the server started; "
        "waiting_claims. More may come: read them by name.",
    ),
)
