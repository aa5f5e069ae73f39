"""The client of Penstock: submit jobs, wait for them, claim them.

    from penstock.client import Client

    with Client("127.0.0.1:7711") as client:
        assert client.call("add", 2, 3) == 5
        job = client.options(priority=0).submit("sleep", 0.1)
        assert job.result() == 0.1
        with client.pipeline() as pipeline:
            sums = [pipeline.call("add", n, 1) for n in range(10)]
        print([pending.value for pending in sums])

`AsyncClient` has the same verbs with `await`, for any number of tasks at once.
"""

from penstock.client.async_client import AsyncClient
from penstock.client.async_event_handler import AsyncHandler
from penstock.client.async_subscription import AsyncSubscription
from penstock.client.blocking_client import Client
from penstock.client.errors import (
    ConnectionLost,
    JobCancelled,
    JobExpired,
    JobFailed,
    NotAcknowledged,
    OutboxFull,
    OutboxUnusable,
    OutcomeUnknown,
    PenstockError,
    ProtocolError,
    QueueFull,
    Refused,
    ResultInvalid,
    WaitTimeout,
)
from penstock.client.event import Event
from penstock.client.event_handler import Handler
from penstock.client.event_info import (
    ConsumerInfo,
    GroupInfo,
    ScheduleInfo,
    StreamInfo,
    TriggerInfo,
)
from penstock.client.info import (
    Claim,
    FailedAttempt,
    JobInfo,
    JobSummary,
    Progress,
    QueueInfo,
    WaitsFor,
)
from penstock.client.job import AsyncJob, Job
from penstock.client.job_requests import Cancellation
from penstock.client.outbox import Outbox
from penstock.client.outbox_entry import Entry, EntryState, OutboxStatus
from penstock.client.outbox_job import AsyncOutboxJob, OutboxJob
from penstock.client.pipeline import Pending, Pipeline
from penstock.client.position import Position
from penstock.client.queue_requests import QueueSettings
from penstock.client.retry import Retry
from penstock.client.schedule_requests import Timing
from penstock.client.stream_requests import StreamSettings
from penstock.client.subscribed_event import AsyncSubscribedEvent, SubscribedEvent
from penstock.client.subscription import Subscription
from penstock.client.tasks import TaskLike

__all__ = [
    "AsyncClient",
    "AsyncHandler",
    "AsyncJob",
    "AsyncOutboxJob",
    "AsyncSubscribedEvent",
    "AsyncSubscription",
    "Cancellation",
    "Claim",
    "Client",
    "ConnectionLost",
    "ConsumerInfo",
    "Entry",
    "EntryState",
    "Event",
    "FailedAttempt",
    "GroupInfo",
    "Handler",
    "Job",
    "JobCancelled",
    "JobExpired",
    "JobFailed",
    "JobInfo",
    "JobSummary",
    "NotAcknowledged",
    "Outbox",
    "OutboxFull",
    "OutboxJob",
    "OutboxStatus",
    "OutboxUnusable",
    "OutcomeUnknown",
    "Pending",
    "PenstockError",
    "Pipeline",
    "Position",
    "Progress",
    "ProtocolError",
    "QueueFull",
    "QueueInfo",
    "QueueSettings",
    "Refused",
    "ResultInvalid",
    "Retry",
    "ScheduleInfo",
    "StreamInfo",
    "StreamSettings",
    "SubscribedEvent",
    "Subscription",
    "TaskLike",
    "Timing",
    "TriggerInfo",
    "WaitTimeout",
    "WaitsFor",
]
