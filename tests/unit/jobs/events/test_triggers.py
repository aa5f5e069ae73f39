"""What one trigger makes of one event, and what is kept of it."""

import json
from typing import Final

import msgspec
import pytest
from msgspec.structs import replace

from penstock.config.limits import KEY_BYTES_MAX, TRIGGER_DEPTH_MAX, TRIGGER_MATCHES_MAX
from penstock.jobs.errors import Invalid
from penstock.jobs.events.model import Event, StreamName
from penstock.jobs.events.patterns import Pattern
from penstock.jobs.events.templates import compile_payload
from penstock.jobs.events.triggers import (
    Match,
    NoMatch,
    TooDeep,
    Trigger,
    Unservable,
    check_trigger,
    decide_firing,
    decode_trigger,
    depth_of,
    encode_trigger,
    group_of,
    group_template,
    key_of,
    tenant_template,
)
from penstock.jobs.job_options import JobOptions
from penstock.jobs.model import QueueName, TaskName
from penstock.jobs.policy import RetryWish, SubmitRequest, Wishes

EVENT: Final = Event((1700, 3), 9, (b"type", b"order.paid", b"who", b"acme"))
LIFE: Final = StreamName("jobs:default")


def a_trigger(**changes: object) -> Trigger:
    trigger = Trigger("ship", StreamName("orders"), TaskName("work"))
    return replace(trigger, **changes)


def matches(**patterns: bytes) -> tuple[Match, ...]:
    return tuple(Match(name.encode(), Pattern(pattern)) for name, pattern in patterns.items())


def fire(trigger: Trigger, event: Event = EVENT, depth: int = 0) -> SubmitRequest:
    firing = decide_firing(trigger, event, depth)
    assert isinstance(firing, SubmitRequest)
    return firing


def wishes(trigger: Trigger) -> Wishes:
    found = fire(trigger).wishes
    assert found is not None
    return found


def test_an_event_fires_a_job_under_a_key_of_both() -> None:
    request = fire(a_trigger(options=JobOptions(QueueName("q"), priority=3)))

    assert (request.task, request.queue, request.priority) == ("work", "q", 3)
    assert request.key == "trigger:ship:orders:1700-3"
    assert json.loads(request.payload) == [
        {"stream": "orders", "id": "1700-3", "fields": {"type": "order.paid", "who": "acme"}}
    ]


@pytest.mark.parametrize(
    ("patterns", "fires"),
    [
        ({"type": b"order.*"}, True),
        ({"type": b"order.*", "who": b"acme"}, True),
        ({"type": b"order.*", "who": b"other"}, False),
        ({"missing": b"*"}, False),
    ],
)
def test_all_fields_that_are_named_must_match(patterns: dict[str, bytes], fires: bool) -> None:
    firing = decide_firing(a_trigger(matches=matches(**patterns)), EVENT, 0)

    assert isinstance(firing, SubmitRequest if fires else NoMatch)


def test_the_payload_is_made_by_the_template() -> None:
    assert fire(a_trigger(payload=compile_payload(b"[${who}]"))).payload == b'["acme"]'


def test_group_and_tenant_are_made_by_their_templates() -> None:
    trigger = a_trigger(tenant=tenant_template("t-${who}"), group=group_template("${type}"))

    assert (wishes(trigger).tenant, wishes(trigger).group) == ("t-acme", "order.paid")


def test_a_group_that_comes_out_empty_is_none() -> None:
    trigger = a_trigger(tenant=tenant_template("${none}"), group=group_template("${none}"))

    assert (wishes(trigger).tenant, wishes(trigger).group) == (None, None)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"tenant": tenant_template("${who}")}, "'two words' cannot be the name of a tenant"),
        ({"group": group_template("${who} ${who}" * 50)}, "cannot be the name of a group"),
    ],
)
def test_an_event_that_names_nobody_is_unservable(changes: dict[str, object], text: str) -> None:
    event = Event((1, 0), 1, (b"who", b"two words"))

    firing = decide_firing(a_trigger(**changes), event, 0)

    assert isinstance(firing, Unservable)
    assert text in firing.reason


def test_a_payload_that_is_too_large_is_unservable() -> None:
    firing = decide_firing(a_trigger(), EVENT, 0, payload_bytes_max=10)

    assert isinstance(firing, Unservable)
    assert "the payload has" in firing.reason


# --- depth ---------------------------------------------------------------------------------------


def test_a_job_says_how_deep_it_is() -> None:
    request = fire(a_trigger(), depth=2)

    assert request.wishes is not None
    assert request.wishes.producer == "trigger:ship#3"
    assert depth_of(LIFE, (b"producer", b"trigger:ship#3")) == 3


@pytest.mark.parametrize(
    ("stream", "producer"),
    [
        (StreamName("orders"), b"trigger:ship#3"),
        (LIFE, b"somebody"),
        (LIFE, b"trigger:ship"),
        (LIFE, b"trigger:ship#x"),
    ],
)
def test_other_events_have_no_depth(stream: StreamName, producer: bytes) -> None:
    assert depth_of(stream, (b"producer", producer)) == 0
    assert depth_of(stream, ()) == 0


def test_triggers_do_not_lead_to_each_other_for_ever() -> None:
    assert isinstance(decide_firing(a_trigger(), EVENT, TRIGGER_DEPTH_MAX - 1), SubmitRequest)
    assert decide_firing(a_trigger(), EVENT, TRIGGER_DEPTH_MAX) == TooDeep()


def test_what_does_not_match_is_no_loop() -> None:
    trigger = a_trigger(matches=matches(type=b"other"))

    assert decide_firing(trigger, EVENT, TRIGGER_DEPTH_MAX) == NoMatch()


# --- keys ----------------------------------------------------------------------------------------


def test_a_key_has_room_for_any_names() -> None:
    long = a_trigger(name="n" * 200, stream=StreamName("ü" * 127))
    other = replace(long, stream=StreamName("ü" * 126 + "uu"))

    keys = {key_of(long, (1, 1)), key_of(long, (1, 2)), key_of(other, (1, 1))}

    assert len(keys) == 3
    assert all(len(key.encode()) <= KEY_BYTES_MAX for key in keys)
    assert all(key.startswith(f"trigger:{'n' * 200}:") for key in keys)


# --- setting -------------------------------------------------------------------------------------


def test_too_many_fields_are_refused() -> None:
    match = matches(type=b"*")

    check_trigger(a_trigger(matches=match * TRIGGER_MATCHES_MAX))
    with pytest.raises(Invalid, match="16 fields"):
        check_trigger(a_trigger(matches=match * (TRIGGER_MATCHES_MAX + 1)))


@pytest.mark.parametrize(
    "trigger",
    [
        a_trigger(),
        a_trigger(
            matches=matches(type=b"\xff*", who=b"[a]"),
            payload=compile_payload(b"[${who}]"),
            options=JobOptions(QueueName("q"), 1, retry=RetryWish(base_ms=5, jitter=False)),
            tenant=tenant_template("${who}"),
            group=group_template("all orders"),
        ),
        a_trigger(payload=compile_payload(b"\xff\x00")),
    ],
)
def test_what_is_kept_is_read_again(trigger: Trigger) -> None:
    assert decode_trigger("ship", encode_trigger(trigger)) == trigger


def test_what_a_newer_version_wrote_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="trigger ship was written by a newer version"):
        decode_trigger("ship", msgspec.json.encode({"version": 2, "on": "orders"}))


def test_the_cursor_of_a_trigger_is_a_group() -> None:
    assert group_of("ship") == "trigger:ship"
