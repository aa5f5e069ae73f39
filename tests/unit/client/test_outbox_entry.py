"""What an outbox must know of a submission, read from the command itself."""

import pytest

from penstock.client.outbox_entry import Outgoing, read_command, read_entry
from penstock.protocol.encoding import encode_command


def submission(*options: bytes | str | int) -> bytes:
    return encode_command(("JOB.SUBMIT", "mail", b"[1]", *options))


def sent(command: bytes, *, waited_ms: int) -> list[bytes]:
    """Return the arguments that leave for the server so long after the submission."""
    entry = read_entry(command, "k")
    outgoing = Outgoing(1, entry.queue, entry.key, entry.ages, entry.command, 5_000)
    return read_command(outgoing.encoded(5_000 + waited_ms))


def test_a_submission_is_kept_as_the_bytes_that_are_sent() -> None:
    command = submission("KEY", "k")

    assert read_entry(command, "k").command == command
    assert sent(command, waited_ms=99) == read_command(command)


@pytest.mark.parametrize(
    ("options", "queue"),
    [((), "default"), (("QUEUE", "slow"), "slow"), (("PRIORITY", 1, "queue", "slow"), "slow")],
)
def test_the_queue_is_the_commands(options: tuple[str | int, ...], queue: str) -> None:
    assert read_entry(submission(*options), "k").queue == queue


def test_the_group_is_the_commands() -> None:
    assert read_entry(submission("GROUP", "order-7"), "k").ordering == "order-7"
    assert read_entry(submission("KEY", "GROUP"), "GROUP").ordering is None


def test_options_that_this_release_does_not_know_travel_on() -> None:
    command = submission("COLOUR", "blue", "QUEUE", "slow")

    assert read_entry(command, "k").queue == "slow"
    assert sent(command, waited_ms=99) == read_command(command)


@pytest.mark.parametrize(
    ("options", "waited_ms", "expected"),
    [
        (("DELAY", 1_000), 400, (b"DELAY", b"600")),
        (("DELAY", 1_000), 4_000, (b"DELAY", b"0")),
        (("DEADLINE", 1_000), 400, (b"DEADLINE", b"600")),
        (("DEADLINE", 1_000), 4_000, (b"DEADLINE", b"1")),
        (("TIMEOUT", 1_000), 400, (b"TIMEOUT", b"1000")),
        (("AT", 1_000), 400, (b"AT", b"1000")),
        (("QUEUE", "DELAY", "KEY", "5"), 400, (b"QUEUE", b"DELAY", b"KEY", b"5")),
    ],
)
def test_times_that_count_from_the_submission_are_sent_as_what_is_left_of_them(
    options: tuple[str | int, ...], waited_ms: int, expected: tuple[bytes, ...]
) -> None:
    assert tuple(sent(submission(*options), waited_ms=waited_ms)[3:]) == expected


def test_a_clock_that_was_set_back_makes_no_time_longer() -> None:
    assert sent(submission("DELAY", 1_000), waited_ms=-9_000)[3:] == [b"DELAY", b"1000"]


def test_a_submission_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        read_entry(submission(), None)
