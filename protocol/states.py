"""The states of a job as words, and the words that stand for several."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

WAITING: Final = ("scheduled", "blocked", "ready")
UNFINISHED: Final = (*WAITING, "claimed")
FINISHED: Final = ("completed", "dead", "cancelled", "expired")
STATES: Final = (*UNFINISHED, *FINISHED)

# What STATE may be, and the states that it finds.
STATE_FILTERS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        **{state: frozenset({state}) for state in STATES},
        "waiting": frozenset(WAITING),
        "unfinished": frozenset(UNFINISHED),
        "finished": frozenset(FINISHED),
    }
)
