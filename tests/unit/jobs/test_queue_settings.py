"""What is set for a queue: kept whole, changed without contradiction, and one thing in force."""

from collections.abc import Mapping

import pytest

from penstock.config.limits import QUEUE_WEIGHTS_MAX
from penstock.jobs.errors import Invalid
from penstock.jobs.model import JobId
from penstock.jobs.policy import Policy
from penstock.jobs.queue_settings import (
    RANGES,
    WORDS,
    Order,
    QueueSettings,
    RateLimit,
    Terms,
    WhenFull,
    changed,
    decode_settings,
    encode_settings,
    settings_from_file,
    terms_of,
)
from penstock.jobs.retry_policy import RetryPolicy
from penstock.protocol.queue_settings import QUEUE_SETTINGS

NOTHING = QueueSettings()
FULL = QueueSettings(
    order=Order.FAIR,
    weights={"acme": 3},
    length_max=5,
    bytes_max=6,
    when_full=WhenFull.DROP,
    reserve_percent=7,
    concurrency_max=9,
    tenant_concurrency_max=8,
    rate_count=10,
    rate_period_ms=11,
    burst=12,
    attempts_max=13,
    timeout_ms=14,
    retry_delays_ms=(15, 16),
    keep_ms=17,
    dead_keep_ms=18,
    paused=True,
    reordered=False,
    purged_until=JobId(19),
    spared=(JobId(1), JobId(2)),
)


def set_(
    settings: QueueSettings = NOTHING,
    defaults: QueueSettings | None = None,
    *,
    weights: Mapping[str, int | None] | None = None,
    **changes: object,
) -> QueueSettings:
    return changed(settings, changes, weights or {}, defaults)


def in_force(
    stored: QueueSettings = NOTHING, defaults: QueueSettings = NOTHING, policy: Policy | None = None
) -> Terms:
    return terms_of(policy or Policy(), defaults, stored)


@pytest.mark.parametrize("settings", [NOTHING, FULL])
def test_settings_are_read_as_they_were_kept(settings: QueueSettings) -> None:
    assert decode_settings(encode_settings(settings)) == settings


def test_what_is_not_set_is_not_kept() -> None:
    assert encode_settings(QueueSettings(length_max=3)) == b'{"length_max":3}'


def test_a_setting_that_only_a_newer_version_knows_is_passed_over() -> None:
    assert decode_settings(b'{"paused":true,"colour":"red"}') == QueueSettings(paused=True)


def test_a_table_of_the_file_becomes_a_layer() -> None:
    given = {
        "order": "fair",
        "weights": {"acme": 2},
        "when_full": "wait",
        "length_max": 3,
        "retry_jitter": "none",
        "retry_delays_ms": (1, 2),
    }

    assert settings_from_file(given) == QueueSettings(
        order=Order.FAIR,
        weights={"acme": 2},
        when_full=WhenFull.WAIT,
        length_max=3,
        retry_jitter=False,
        retry_delays_ms=(1, 2),
    )


# --- in force ------------------------------------------------------------------------------------


def test_without_settings_the_policy_is_in_force() -> None:
    retry = RetryPolicy(1, 2)
    policy = Policy(attempts_max=4, timeout_ms=5, retry=retry, result_keep_ms=6, dead_keep_ms=7)

    assert in_force(policy=policy) == Terms(
        order=Order.STRICT,
        ageing_ms=0,
        weights={},
        length_max=None,
        bytes_max=None,
        when_full=WhenFull.REFUSE,
        reserve_percent=10,
        concurrency_max=None,
        tenant_concurrency_max=None,
        rate=None,
        attempts_max=4,
        timeout_ms=5,
        retry=retry,
        keep_ms=6,
        dead_keep_ms=7,
        paused=False,
        reordered=True,
    )


def test_what_is_stored_goes_before_all_others() -> None:
    assert in_force(FULL, QueueSettings(length_max=1, rate_count=1, keep_ms=1)) == Terms(
        order=Order.FAIR,
        ageing_ms=0,
        weights={"acme": 3},
        length_max=5,
        bytes_max=6,
        when_full=WhenFull.DROP,
        reserve_percent=7,
        concurrency_max=9,
        tenant_concurrency_max=8,
        rate=RateLimit(10, 11, 12),
        attempts_max=13,
        timeout_ms=14,
        retry=RetryPolicy(delays_ms=(15, 16)),
        keep_ms=17,
        dead_keep_ms=18,
        paused=True,
        reordered=False,
    )


def test_the_file_goes_before_the_policy() -> None:
    assert in_force(defaults=QueueSettings(timeout_ms=5)).timeout_ms == 5


def test_weights_of_both_layers_count() -> None:
    upper = QueueSettings(weights={"a": 1, "b": 2})

    assert in_force(upper, QueueSettings(weights={"b": 9, "c": 3})).weights == {
        "a": 1,
        "b": 2,
        "c": 3,
    }


def test_another_order_goes_before_the_ageing_of_the_file() -> None:
    file = QueueSettings(order=Order.AGEING, ageing_ms=5)

    assert in_force(QueueSettings(order=Order.FAIR), file).ageing_ms == 0
    assert in_force(QueueSettings(order=Order.AGEING), file).ageing_ms == 5


@pytest.mark.parametrize(
    ("settings", "rate"),
    [
        (QueueSettings(rate_count=10), RateLimit(10, 1_000, 1)),
        (QueueSettings(rate_count=1_000), RateLimit(1_000, 1_000, 100)),
        (QueueSettings(rate_count=100, rate_period_ms=60_000), RateLimit(100, 60_000, 1)),
        (QueueSettings(rate_count=10, burst=10), RateLimit(10, 1_000, 10)),
        (QueueSettings(burst=10), None),
    ],
)
def test_a_burst_is_small_unless_it_is_set(settings: QueueSettings, rate: RateLimit | None) -> None:
    assert in_force(settings).rate == rate


@pytest.mark.parametrize(
    ("stored", "file", "retry"),
    [
        (NOTHING, NOTHING, RetryPolicy(100, 1_000)),
        (QueueSettings(retry_base_ms=5), NOTHING, RetryPolicy(5, 1_000)),
        (QueueSettings(retry_base_ms=5_000), NOTHING, RetryPolicy(5_000, 5_000)),
        (QueueSettings(retry_cap_ms=5), NOTHING, RetryPolicy(5, 5)),
        (QueueSettings(retry_cap_ms=500), NOTHING, RetryPolicy(100, 500)),
        (QueueSettings(retry_jitter=False), NOTHING, RetryPolicy(100, 1_000, jitter=False)),
        (
            QueueSettings(retry_cap_ms=5),
            QueueSettings(retry_delays_ms=(7,)),
            RetryPolicy(5, 5),
        ),
        (
            QueueSettings(retry_delays_ms=(7,)),
            QueueSettings(retry_cap_ms=5),
            RetryPolicy(100, 1_000, delays_ms=(7,)),
        ),
    ],
)
def test_how_to_retry_is_what_was_said_last(
    stored: QueueSettings, file: QueueSettings, retry: RetryPolicy
) -> None:
    assert in_force(stored, file, Policy(retry=RetryPolicy(100, 1_000))).retry == retry


def test_ranks_are_good_as_long_as_the_order_is_the_same() -> None:
    strict, fair = in_force(), in_force(QueueSettings(order=Order.FAIR))
    slow = in_force(QueueSettings(order=Order.AGEING, ageing_ms=9))
    fast = in_force(QueueSettings(order=Order.AGEING, ageing_ms=1))

    assert strict.ranks_like(in_force(QueueSettings(paused=True, length_max=1)))
    assert not strict.ranks_like(fair)
    assert not slow.ranks_like(fast)


# --- changing ------------------------------------------------------------------------------------


def test_a_change_leaves_everything_else_as_it_was() -> None:
    assert set_(FULL, length_max=50, weights={"b": 1}) == QueueSettings(
        **{
            **{name: getattr(FULL, name) for name in FULL.__struct_fields__},
            "length_max": 50,
            "weights": {"acme": 3, "b": 1},
        }
    )


def test_settings_that_were_changed_are_not_changed_in_place() -> None:
    before = QueueSettings(order=Order.FAIR, weights={"a": 1})

    set_(before, weights={"a": None, "b": 2})

    assert before.weights == {"a": 1}


def test_a_setting_is_taken_back() -> None:
    assert set_(QueueSettings(length_max=5), length_max=None) == NOTHING
    assert (
        set_(QueueSettings(order=Order.FAIR, weights={"a": 1}), weights={"a": None}).weights == {}
    )


AGEING = QueueSettings(order=Order.AGEING, ageing_ms=5)


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        (NOTHING, {"ageing_ms": 5}, AGEING),
        (NOTHING, {"ageing_ms": 5, "order": Order.AGEING}, AGEING),
        (NOTHING, {"ageing_ms": 0}, QueueSettings(order=Order.STRICT)),
        (AGEING, {"ageing_ms": 0}, QueueSettings(order=Order.STRICT)),
        (AGEING, {"ageing_ms": None}, NOTHING),
        (AGEING, {"order": None}, NOTHING),
        (AGEING, {"order": Order.FAIR}, QueueSettings(order=Order.FAIR)),
        (AGEING, {"order": Order.FAIR, "ageing_ms": None}, QueueSettings(order=Order.FAIR)),
        (AGEING, {"order": Order.AGEING}, AGEING),
        (QueueSettings(order=Order.FAIR), {"ageing_ms": None}, QueueSettings(order=Order.FAIR)),
    ],
)
def test_ageing_and_its_order_go_together(
    before: QueueSettings, changes: dict[str, object], after: QueueSettings
) -> None:
    assert changed(before, changes, {}) == after


def test_the_file_may_have_the_other_half() -> None:
    assert set_(defaults=QueueSettings(rate_count=5), burst=2).burst == 2
    assert set_(defaults=AGEING, order=Order.AGEING).order is Order.AGEING
    assert set_(defaults=QueueSettings(order=Order.FAIR), weights={"a": 2}).weights == {"a": 2}


@pytest.mark.parametrize(
    ("before", "changes", "text"),
    [
        (NOTHING, {"ageing_ms": 5, "order": Order.FAIR}, "AGEING 5 means ORDER ageing"),
        (NOTHING, {"ageing_ms": 0, "order": Order.AGEING}, "AGEING 0 means ORDER strict"),
        (NOTHING, {"order": Order.AGEING}, "ORDER ageing needs AGEING"),
        (AGEING, {"order": Order.AGEING, "ageing_ms": None}, "ORDER ageing needs AGEING"),
        (NOTHING, {"burst": 5}, "BURST has no effect without RATE"),
        (NOTHING, {"rate_period_ms": 5}, "RATE-PERIOD has no effect without RATE"),
        (QueueSettings(rate_count=5, burst=5), {"rate_count": None}, "or say BURST default"),
        (NOTHING, {"when_full": WhenFull.DROP}, "FULL has no effect without LENGTH or BYTES"),
        (NOTHING, {"reserve_percent": 5}, "RESERVE has no effect without LENGTH or BYTES"),
        (
            NOTHING,
            {"retry_delays_ms": (1,), "retry_base_ms": 1},
            "RETRY-DELAYS stands instead of RETRY-BASE",
        ),
        (
            QueueSettings(retry_delays_ms=(1,)),
            {"retry_jitter": False},
            "say RETRY-DELAYS default or RETRY-JITTER default",
        ),
        (NOTHING, {"retry_base_ms": 9, "retry_cap_ms": 8}, "more than RETRY-CAP, which is 8"),
        (
            QueueSettings(concurrency_max=3),
            {"tenant_concurrency_max": 4},
            "TENANT-CONCURRENCY would be 4 and more than CONCURRENCY, which is 3",
        ),
        (NOTHING, {"retry_delays_ms": ()}, "RETRY-DELAYS has 0 delays"),
        (NOTHING, {"retry_delays_ms": (1,) * 1_000}, "RETRY-DELAYS has 1000 delays"),
        (NOTHING, {"retry_delays_ms": (-1,)}, "RETRY-DELAYS must be milliseconds from 0"),
    ],
)
def test_a_contradiction_is_refused(
    before: QueueSettings, changes: dict[str, object], text: str
) -> None:
    with pytest.raises(Invalid) as refused:
        changed(before, changes, {})

    assert text in str(refused.value)


@pytest.mark.parametrize("name", RANGES)
def test_a_number_out_of_its_range_is_refused(name: str) -> None:
    least, most = RANGES[name]
    for value in (least - 1, most + 1):
        with pytest.raises(Invalid, match=f"{WORDS[name]} is {value}, and must be from {least}"):
            changed(NOTHING, {name: value}, {})


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ({"a": 0}, "the weight of a is 0, and must be from 1"),
        ({f"t{n}": 1 for n in range(QUEUE_WEIGHTS_MAX + 1)}, "1001 tenants would have a weight"),
    ],
)
def test_a_weight_that_cannot_be_is_refused(weights: dict[str, int | None], text: str) -> None:
    with pytest.raises(Invalid, match=text):
        set_(order=Order.FAIR, weights=weights)


def test_a_weight_without_a_fair_order_is_refused() -> None:
    with pytest.raises(Invalid, match="WEIGHT counts in a fair order only"):
        set_(weights={"a": 1})


def test_weights_are_kept_for_the_day_the_order_is_fair_again() -> None:
    fair = QueueSettings(order=Order.FAIR, weights={"a": 1})

    assert set_(fair, order=Order.STRICT).weights == {"a": 1}


def test_what_was_contradictory_before_does_not_hinder_other_changes() -> None:
    assert set_(QueueSettings(burst=5), length_max=3).length_max == 3


def test_settings_are_called_what_the_wire_calls_them() -> None:
    wire = {name: option.keyword for name, option in QUEUE_SETTINGS.items() if name != "weights"}

    assert dict(WORDS) == wire


@pytest.mark.parametrize("name", RANGES)
def test_ranges_are_those_of_the_wire(name: str) -> None:
    option = QUEUE_SETTINGS[name]

    assert RANGES[name] == (option.minimum, option.maximum)
