"""Requests about queues, as the server's own parsers read them."""

import pytest

from penstock.client import QueueSettings, queue_requests
from penstock.protocol.queue_arguments import parse_delete, parse_peek, parse_queue_set
from tests.unit.client.test_requests import parsed

EVERY: QueueSettings = {
    "order": "fair",
    "ageing_ms": 1,
    "weights": {"acme": 3, "globex": None},
    "length_max": 2,
    "bytes_max": 3,
    "when_full": "wait",
    "reserve_percent": 4,
    "concurrency_max": 5,
    "tenant_concurrency_max": 6,
    "rate_count": 7,
    "rate_period_ms": 8,
    "burst": 9,
    "attempts_max": 10,
    "timeout_ms": 11,
    "retry_base_ms": 12,
    "retry_cap_ms": 13,
    "retry_jitter": "none",
    "retry_delays_ms": [1, 2],
    "keep_ms": 14,
    "dead_keep_ms": None,
}


def test_every_setting_is_what_the_server_reads() -> None:
    found = parse_queue_set(parsed(queue_requests.set_queue("mail", EVERY).stem))

    changes = {name: value for name, value in EVERY.items() if name != "weights"}
    assert found.queue == "mail"
    assert found.changes == {**changes, "retry_delays_ms": (1, 2)}
    assert found.weights == EVERY["weights"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"colour": 1}, "no setting 'colour' of a queue; there are order, ageing_ms"),
        ({"weights": None}, "it maps tenants to their weights"),
        ({"length_max": True}, "no value of a setting"),
        ({"length_max": 1.5}, "no value of a setting"),
        ({"retry_delays_ms": ["1s"]}, "no value of a setting"),
    ],
)
def test_what_is_no_setting_is_refused(settings: QueueSettings, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        queue_requests.set_queue("q", settings)


def test_setting_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is to be set"):
        queue_requests.set_queue("q", {})


def test_a_look_ahead_says_how_far() -> None:
    assert parse_peek(parsed(queue_requests.peek("q", 5).stem)).jobs_max == 5


@pytest.mark.parametrize("force", [True, False])
def test_a_deletion_says_whether_it_is_forced(force: bool) -> None:
    assert parse_delete(parsed(queue_requests.delete("q", force=force).stem)).force is force
