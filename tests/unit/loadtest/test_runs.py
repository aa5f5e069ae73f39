"""Whole runs against a small server that keeps its promises, or breaks one on purpose."""

import json
from itertools import pairwise

import pytest

from penstock.loadtest.driver import Bounds, Closed, Driver, Load, Open
from penstock.loadtest.errors import Unreachable
from penstock.loadtest.report import Report, make_report
from penstock.loadtest.target import parse_target
from penstock.loadtest.verification import Verification, verify
from penstock.loadtest.weights import parse_weights
from penstock.loadtest.workload import Workload
from tests.unit.loadtest.peer import Fault, Peer, serving

CLOSED = Closed(connections=1, pipeline=4)


def plan(kinds: str = "submit", **more: object) -> Workload:
    return Workload(seed=1, run="run", kinds=parse_weights(kinds), **more)  # type: ignore[arg-type]


def bounds(count: int = 200, seconds: float = 5, drain: float = 5) -> Bounds:
    return Bounds(requests_max=count, seconds=seconds, warm_up_seconds=0, drain_seconds=drain)


async def run(
    peer: Peer,
    workload: Workload,
    shape: Closed | Open = CLOSED,
    limits: Bounds | None = None,
    password: str | None = None,
) -> tuple[Load, Verification, Report]:
    async with serving(peer) as address:
        target = parse_target(address, password=password)
        load = await Driver(workload, shape, limits or bounds()).run(target, lambda tally: None)
        check = await verify(load, workload, target, 1_000_000)
        return load, check, make_report(load, workload, shape, target, check)


@pytest.mark.parametrize("kinds", ["submit", "call", "submit=3,call=1"])
@pytest.mark.parametrize(
    "shape", [CLOSED, Closed(5, 1), Closed(3, 16), Open(2, 5_000.0, 64)], ids=str
)
async def test_a_server_that_keeps_its_promises_is_found_sound(
    kinds: str, shape: Closed | Open
) -> None:
    load, check, report = await run(Peer(), plan(kinds), shape)

    assert report.sound, report.violation_texts
    assert load.tally.answered == load.tally.sent == 200
    assert check.looked_up == check.acknowledged == sum(check.states.values())
    assert sum(load.tally.latencies[kind].count for kind in load.tally.latencies) == 200


@pytest.mark.parametrize(
    ("fault", "kinds", "text"),
    [
        (Fault.LOSE, "submit", "job 7 was acknowledged and is gone"),
        (Fault.DOUBLE, "submit", "two submissions were answered with job 8"),
        (Fault.SWAP, "call", "the reply answers another"),
        (Fault.MIX_UP, "submit", "is not the one that its reply answered"),
        (Fault.FORGET_KEYS, "submit", "sent again, it was answered"),
        (Fault.GARBAGE, "submit", "connection 0 got bytes"),
    ],
    ids=lambda value: value.value if isinstance(value, Fault) else "",
)
async def test_a_broken_promise_is_found(fault: Fault, kinds: str, text: str) -> None:
    _, _, report = await run(Peer(fault), plan(kinds))

    assert not report.sound
    assert any(text in told for told in report.violation_texts), report.violation_texts


async def test_a_refusal_is_an_error_and_no_violation() -> None:
    load, _, report = await run(Peer(Fault.REFUSE), plan())

    assert report.sound
    assert report.errors == {"DISKFULL": 200}
    assert load.tally.ok == 0


async def test_a_lost_connection_leaves_its_requests_unanswered_but_nothing_violated() -> None:
    _, _, report = await run(Peer(Fault.CLOSE), plan())

    assert report.connections_lost == 1
    assert report.unanswered > 0
    assert report.sound


async def test_the_wait_for_missing_replies_is_bounded() -> None:
    load, _, report = await run(Peer(Fault.HANG), plan(), limits=bounds(seconds=0.2, drain=0.1))

    assert load.tally.answered == 19
    assert report.unanswered == 4


async def test_an_open_loop_sends_what_its_rate_says_however_slow_the_replies() -> None:
    limits = bounds(count=10_000, seconds=0.5, drain=0.1)

    load, _, _ = await run(Peer(Fault.HANG), plan(), Open(1, 1_000.0, 4_096), limits)

    assert 400 <= load.tally.sent <= 502


async def test_an_open_loop_counts_what_it_could_not_send() -> None:
    limits = bounds(count=10_000, seconds=0.3, drain=0.1)

    load, _, _ = await run(Peer(Fault.HANG), plan(), Open(1, 1_000.0, 10), limits)

    assert load.never_sent + load.tally.sent >= 300


async def test_a_password_is_given_before_the_load() -> None:
    _, _, report = await run(Peer(password="open sesame"), plan(), password="open sesame")

    assert report.ok == 200


async def test_a_wrong_password_ends_the_run() -> None:
    with pytest.raises(Unreachable, match="refused the password"):
        await run(Peer(password="open sesame"), plan(), password="please")


async def test_nobody_listening_is_said_with_what_to_do() -> None:
    target = parse_target("127.0.0.1:1")

    with pytest.raises(Unreachable, match="penstock serve"):
        await Driver(plan(), CLOSED, bounds()).run(target, lambda tally: None)


async def test_a_report_in_json_has_rising_percentiles() -> None:
    import msgspec

    _, _, report = await run(Peer(), plan())
    found = json.loads(msgspec.json.encode(report))

    summary = found["latencies"]["submit"]
    values = [summary[name] for name in ("min_us", "p50_us", "p90_us", "p99_us", "max_us")]
    assert all(low <= high for low, high in pairwise(values))
