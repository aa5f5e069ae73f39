"""The arguments of the commands about queues as values; what is refused is in the transcripts."""

import pytest

from penstock.protocol.queue_arguments import (
    DeleteArguments,
    PeekArguments,
    QueueSetArguments,
    SettingValue,
)
from penstock.protocol.queue_settings import QUEUE_SETTINGS
from tests.unit.protocol.readers import read


@pytest.mark.parametrize("command", ["QUEUE.SHOW", "QUEUE.PAUSE", "QUEUE.RESUME", "QUEUE.PURGE"])
def test_the_name_of_a_queue_is_read(command: str) -> None:
    assert read(f"{command} reports") == "reports"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("QUEUE.PEEK q", PeekArguments("q", 10)),
        ("QUEUE.PEEK q count 1000", PeekArguments("q", 1000)),
        ("QUEUE.DELETE q", DeleteArguments("q")),
        ("QUEUE.DELETE q force", DeleteArguments("q", force=True)),
    ],
)
def test_commands_about_a_queue_are_read(line: str, value: object) -> None:
    assert read(line) == value


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ("ORDER fair", {"order": "fair"}),
        ("order STRICT", {"order": "strict"}),
        ("AGEING 5000", {"ageing_ms": 5000}),
        ("AGEING 0", {"ageing_ms": 0}),
        ("LENGTH 1 BYTES 2 FULL wait", {"length_max": 1, "bytes_max": 2, "when_full": "wait"}),
        ("RESERVE 0", {"reserve_percent": 0}),
        (
            "TENANT-CONCURRENCY 2 CONCURRENCY 3",
            {"tenant_concurrency_max": 2, "concurrency_max": 3},
        ),
        (
            "BURST 3 RATE-PERIOD 2 RATE 1",
            {"burst": 3, "rate_period_ms": 2, "rate_count": 1},
        ),
        ("ATTEMPTS 1 TIMEOUT 2", {"attempts_max": 1, "timeout_ms": 2}),
        (
            "RETRY-BASE 1 RETRY-CAP 2 RETRY-JITTER none",
            {"retry_base_ms": 1, "retry_cap_ms": 2, "retry_jitter": "none"},
        ),
        ("RETRY-DELAYS 1,2,3", {"retry_delays_ms": (1, 2, 3)}),
        ("KEEP 1 DEAD-KEEP 2", {"keep_ms": 1, "dead_keep_ms": 2}),
        ("LENGTH default RATE DEFAULT", {"length_max": None, "rate_count": None}),
    ],
)
def test_settings_are_read(settings: str, changes: dict[str, SettingValue]) -> None:
    assert read(f"QUEUE.SET q {settings}") == QueueSetArguments("q", changes, {})


def test_weights_of_several_tenants_are_read() -> None:
    line = "QUEUE.SET q WEIGHT acme 3 ORDER fair weight default 2 WEIGHT gone default"

    weights = {"acme": 3, "default": 2, "gone": None}
    assert read(line) == QueueSetArguments("q", {"order": "fair"}, weights)


@pytest.mark.parametrize("field", sorted(set(QUEUE_SETTINGS) - {"weights"}))
def test_every_setting_goes_back_to_its_default(field: str) -> None:
    keyword = QUEUE_SETTINGS[field].keyword

    assert read(f"QUEUE.SET q {keyword} default") == QueueSetArguments("q", {field: None}, {})
