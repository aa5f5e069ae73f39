"""The log of events and runs that come to nothing: no job was made of them, nor ever will be."""

from collections.abc import Callable
from typing import Final

import structlog

from penstock.config.limits import EVENT_LOG_LINES_MAX
from penstock.jobs.cron.schedules import Unrun
from penstock.jobs.events.firing import Unfired
from penstock.protocol.event_ids import format_id
from penstock.server.log_lines import LogLines

_log = structlog.get_logger("penstock.events")

_LOOP: Final = "loop of triggers cut"
_UNFIRED: Final = "event given up by its trigger"
_UNRUN: Final = "run of a schedule given up"


class GivenUpLog:
    """Logs a few of them a second, and of the others how many they were."""

    __slots__ = ("_events", "_runs")

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Take a clock that never goes back."""
        self._events = LogLines(_log, "events", EVENT_LOG_LINES_MAX, seconds)
        self._runs = LogLines(_log, "runs", EVENT_LOG_LINES_MAX, seconds)

    def note_unfired(self, unfired: Unfired) -> None:
        """Log an event that a trigger gave up."""
        event = _LOOP if unfired.is_loop else _UNFIRED
        if self._events.have_room(event):
            _log.warning(
                event,
                trigger=unfired.trigger,
                stream=unfired.stream,
                id=format_id(unfired.event_id).decode(),
                reason=unfired.reason,
            )

    def note_unrun(self, unrun: Unrun) -> None:
        """Log a run whose job was refused for ever."""
        if self._runs.have_room(_UNRUN):
            _log.warning(_UNRUN, schedule=unrun.schedule, due_at=unrun.slot, reason=unrun.reason)

    def sum_up(self) -> None:
        """Log how many had no line of their own, if their second is over."""
        self._events.sum_up()
        self._runs.sum_up()
