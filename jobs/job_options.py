"""What a job is to be like whose submission is decided later: by a trigger, or by a schedule."""

import re
from typing import Final

from msgspec import Struct

from penstock.config.limits import KEY_BYTES_MAX, NAME_BYTES_MAX
from penstock.jobs.model import QueueName, TaskName
from penstock.jobs.policy import RetryWish, SubmitRequest, Wishes

_NAME: Final = re.compile(rf"[A-Za-z0-9_.:/@+-]{{1,{NAME_BYTES_MAX}}}")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")


class JobOptions(Struct, frozen=True, omit_defaults=True):
    """The options of JOB.SUBMIT, but for its key; None is left to the queue."""

    queue: QueueName = QueueName("default")
    priority: int | None = None
    delay_ms: int | None = None
    at: int | None = None
    timeout_ms: int | None = None
    attempts_max: int | None = None
    tenant: str | None = None
    group: str | None = None
    deadline_ms: int | None = None
    keep_ms: int | None = None
    retry: RetryWish | None = None

    def request(self, task: TaskName, payload: bytes, *, key: str, producer: str) -> SubmitRequest:
        """Ask for a job with these options."""
        return SubmitRequest(
            task,
            payload,
            self.queue,
            self.priority,
            self.delay_ms,
            self.at,
            self.timeout_ms,
            self.attempts_max,
            key,
            Wishes(
                self.tenant,
                self.group,
                self.deadline_ms,
                self.keep_ms,
                self.retry,
                producer=producer,
            ),
        )


def is_tenant(text: str) -> bool:
    """Say whether a tenant may have this name."""
    return _NAME.fullmatch(text) is not None


def is_group(text: str) -> bool:
    """Say whether an ordering group may have this name."""
    return 1 <= len(text.encode()) <= KEY_BYTES_MAX and _CONTROL.search(text) is None
