"""The options of jobs that are submitted later, by triggers and schedules: taken in, and shown."""

from penstock.jobs.job_options import JobOptions
from penstock.jobs.model import QueueName
from penstock.jobs.policy import RetryWish
from penstock.protocol.replies import Value
from penstock.protocol.submit_arguments import RetryArguments, SubmitArguments, WishArguments

_NO_WISHES = WishArguments()


def options_of(asked: SubmitArguments) -> JobOptions:
    """Say to the core what a job is to be like, but for its key."""
    wishes = asked.wishes or _NO_WISHES
    return JobOptions(
        QueueName(asked.queue),
        asked.priority,
        asked.delay_ms,
        asked.at,
        asked.timeout_ms,
        asked.attempts_max,
        wishes.tenant,
        wishes.group,
        wishes.deadline_ms,
        wishes.keep_ms,
        retry_wish(wishes.retry),
    )


def retry_wish(asked: RetryArguments | None) -> RetryWish | None:
    if asked is None:
        return None
    return RetryWish(asked.base_ms, asked.cap_ms, asked.jitter, asked.delays_ms)


def shown_options(options: JobOptions) -> dict[str, Value]:
    """Return what is set, by name."""
    retry = options.retry or RetryWish()
    shown: dict[str, Value] = {
        "queue": options.queue,
        "priority": options.priority,
        "delay_ms": options.delay_ms,
        "timeout_ms": options.timeout_ms,
        "attempts": options.attempts_max,
        "tenant": options.tenant,
        "group": options.group,
        "deadline_ms": options.deadline_ms,
        "keep_ms": options.keep_ms,
        "retry_base_ms": retry.base_ms,
        "retry_cap_ms": retry.cap_ms,
        "retry_jitter": None if retry.jitter is None else "full" if retry.jitter else "none",
        "retry_delays_ms": None if retry.delays_ms is None else list(retry.delays_ms),
    }
    return {name: value for name, value in shown.items() if value is not None}
