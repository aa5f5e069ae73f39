import json
from itertools import islice

import pytest

from penstock.loadtest.errors import Usage
from penstock.loadtest.weights import parse_weights
from penstock.loadtest.workload import PAYLOAD_BYTES_MIN, Request, Workload
from penstock.protocol.requests import RequestParser


def workload(
    *, seed: int = 1, run: str = "r", kinds: str = "submit", payload_bytes: int = 64, **more: object
) -> Workload:
    return Workload(
        seed=seed,
        run=run,
        kinds=parse_weights(kinds),
        payload_bytes=payload_bytes,
        **more,  # type: ignore[arg-type]
    )


def first(plan: Workload, count: int, connection: int = 0) -> list[Request]:
    return list(islice(plan.requests(connection), count))


def test_the_same_seed_makes_the_same_requests() -> None:
    assert first(workload(), 50) == first(workload(), 50)


def test_another_seed_makes_others() -> None:
    assert first(workload(seed=2), 50) != first(workload(), 50)


def test_keys_and_payloads_are_unique_over_all_connections_and_runs() -> None:
    requests = [
        request
        for run in ("a", "b")
        for connection in range(3)
        for request in first(workload(run=run), 100, connection)
    ]

    assert len({request.key for request in requests}) == 600
    assert len({request.payload for request in requests}) == 600


@pytest.mark.parametrize("size", [PAYLOAD_BYTES_MIN, 64, 1024, 100_000])
def test_a_payload_is_json_text_of_exactly_the_size(size: int) -> None:
    (request,) = first(workload(payload_bytes=size), 1)

    assert len(request.payload) == size
    assert json.loads(request.payload).startswith("r-0-0.")


def test_a_mix_keeps_its_weights() -> None:
    requests = first(workload(kinds="submit=9,call=1"), 2_000)

    calls = sum(request.kind == "call" for request in requests)
    assert 120 < calls < 280


@pytest.mark.parametrize(
    ("kinds", "more", "words"),
    [
        (
            "submit",
            {},
            [b"JOB.SUBMIT", b"echo", b"KEY", b"r-0-0"],
        ),
        ("submit", {"keyed": False}, [b"JOB.SUBMIT", b"echo"]),
        ("call", {"wait_ms": 5, "keyed": False}, [b"JOB.CALL", b"echo", b"WAIT", b"5"]),
        (
            "submit",
            {
                "keyed": False,
                "queues": parse_weights("mail"),
                "priorities": parse_weights("0"),
                "task": "noop",
            },
            [b"JOB.SUBMIT", b"noop", b"QUEUE", b"mail", b"PRIORITY", b"0"],
        ),
    ],
)
def test_a_request_is_sent_with_the_options_it_needs(
    kinds: str, more: dict[str, object], words: list[bytes]
) -> None:
    plan = workload(kinds=kinds, **more)  # type: ignore[arg-type]
    (request,) = first(plan, 1)
    parser = RequestParser()
    parser.feed(plan.encode(request))

    sent = parser.next()

    assert sent is not None
    assert sent.pop(2) == request.payload
    assert sent == words


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"kinds": "wait"}, "no request is called wait"),
        ({"payload_bytes": 1}, "must hold a tag"),
        ({"priorities": parse_weights("-1")}, "priority -1"),
    ],
)
def test_what_makes_no_sense_is_refused(more: dict[str, object], text: str) -> None:
    with pytest.raises(Usage, match=text):
        workload(**more)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "a=1,", "a=0", "a=-1", "a=x", "a=1,a=2", "=3", "a=1000001"])
def test_weights_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(Usage):
        parse_weights(text)


def test_weights_are_written_as_they_are_read() -> None:
    assert str(parse_weights("submit=70,call=30")) == "submit=70,call=30"
