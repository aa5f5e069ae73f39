"""Options of jobs that are submitted later."""

import pytest

from penstock.jobs.job_options import JobOptions, is_group, is_tenant
from penstock.jobs.model import QueueName, TaskName
from penstock.jobs.policy import RetryWish, SubmitRequest, Wishes


def test_a_request_has_all_options() -> None:
    options = JobOptions(QueueName("q"), 1, 2, 3, 4, 5, "t", "g", 6, 7, RetryWish(delays_ms=(1,)))

    assert options.request(TaskName("work"), b"x", key="k", producer="p") == SubmitRequest(
        TaskName("work"),
        b"x",
        QueueName("q"),
        priority=1,
        delay_ms=2,
        at=3,
        timeout_ms=4,
        attempts_max=5,
        key="k",
        wishes=Wishes(
            "t", "g", deadline_ms=6, keep_ms=7, retry=RetryWish(delays_ms=(1,)), producer="p"
        ),
    )


@pytest.mark.parametrize(
    ("text", "tenant", "group"),
    [
        ("acme/eu:1", True, True),
        ("", False, False),
        ("two words", False, True),
        ("ä" * 127, False, True),
        ("ä" * 128, False, False),
        ("a" * 201, False, True),
        ("a\n", False, False),
    ],
)
def test_names_of_tenants_are_names_and_those_of_groups_are_keys(
    text: str, tenant: bool, group: bool
) -> None:
    assert (is_tenant(text), is_group(text)) == (tenant, group)
