"""How much of its jobs a broker holds in memory; the defaults are the system's limits."""

from msgspec import Struct

from penstock.config.limits import (
    CLAIM_PAYLOADS_READ_MAX,
    PARKED_CLAIMS_MAX,
    PARKED_SUBMISSIONS_MAX,
    PAYLOAD_CACHE_BYTES_MAX,
    PAYLOAD_CACHE_ITEM_BYTES_MAX,
    QUEUE_WINDOW_JOBS_MAX,
    QUEUE_WINDOW_JOBS_MIN,
    QUEUES_MAX,
    SCHEDULE_WINDOW_JOBS_MAX,
    WAITERS_MAX,
    WINDOWS_JOBS_MAX,
)


class Bounds(Struct, frozen=True):
    """The most of each kind. Tests take small ones, so that all of them are met."""

    queues_max: int = QUEUES_MAX
    waiters_max: int = WAITERS_MAX
    parked_max: int = PARKED_CLAIMS_MAX
    parked_submissions_max: int = PARKED_SUBMISSIONS_MAX
    window_jobs_max: int = QUEUE_WINDOW_JOBS_MAX
    window_jobs_min: int = QUEUE_WINDOW_JOBS_MIN
    windows_jobs_max: int = WINDOWS_JOBS_MAX
    schedule_jobs_max: int = SCHEDULE_WINDOW_JOBS_MAX
    payloads_bytes_max: int = PAYLOAD_CACHE_BYTES_MAX
    claim_payloads_read_max: int = CLAIM_PAYLOADS_READ_MAX
    payload_bytes_max: int = PAYLOAD_CACHE_ITEM_BYTES_MAX
