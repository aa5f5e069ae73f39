"""Where the simulation begins, and how small its memory is."""

from collections.abc import Mapping
from typing import Final

from penstock.jobs.bounds import Bounds
from penstock.jobs.events.bounds import EventBounds
from penstock.jobs.model import Instant
from penstock.jobs.policy import Policy
from penstock.jobs.retry_policy import RetryPolicy

START: Final = Instant(1_700_000_000_000)
# Small, so that windows overflow and are refilled, and payloads have no room.
BOUNDS: Final = Bounds(
    queues_max=3,
    window_jobs_max=4,
    window_jobs_min=2,
    windows_jobs_max=12,
    schedule_jobs_max=3,
    payloads_bytes_max=24,
    payload_bytes_max=8,
    claim_payloads_read_max=3,
)
POLICY: Final = Policy(
    retry=RetryPolicy(base_ms=100, cap_ms=1000), result_keep_ms=5_000, dead_keep_ms=9_000
)
# Likewise: groups fall behind the window, and are read ahead for.
EVENT_BOUNDS: Final = EventBounds(
    recent_events_max=4,
    recent_bytes_max=400,
    recent_total_bytes_max=900,
    ahead_events_max=3,
    ahead_bytes_max=300,
    ahead_total_bytes_max=700,
    event_bytes_max=300,
    pick_events_max=3,
    reads_bytes_max=1_500,
    trim_events_max=3,
    sweep_rows_max=5,
)
DEPTH_MAX: Final = 3  # Of jobs and triggers that lead to each other.
# Limits that are no arguments, and what the simulation of events sets them to.
LIMITS: Final[Mapping[str, int]] = {
    "penstock.jobs.events.triggers.TRIGGER_DEPTH_MAX": DEPTH_MAX,
    "penstock.jobs.events.firing.TRIGGER_EVENTS_MAX": 3,
    "penstock.jobs.events.firing.TRIGGER_JOBS_MAX": 5,
}
