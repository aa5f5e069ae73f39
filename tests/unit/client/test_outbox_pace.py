"""What a reply means for an entry of the outbox, and what is sent next."""

from collections.abc import Sequence

import pytest

from penstock.client.errors import ConnectionLost, OutcomeUnknown, PenstockError, Refused
from penstock.client.outbox_entry import Candidate
from penstock.client.outbox_pace import Accepted, Declined, Later, Pace, Verdict, judge
from penstock.config import limits
from penstock.protocol.reader import Reply
from penstock.protocol.replies import ErrorReply

FULL = Later("QUEUEFULL", of_queue=True)
BUSY = Later("OVERLOADED")


def one(entry_id: int, queue: str = "q", group: str | None = None, size: int = 10) -> Candidate:
    return Candidate(entry_id, queue, group, f"k{entry_id}", size)


@pytest.mark.parametrize("code", ["OVERLOADED", "DISKFULL", "DISKLOW", "DRAINING", "UNKNOWN"])
def test_a_refusal_for_now_is_tried_again(code: str) -> None:
    assert judge(ErrorReply(code, "why"), None) == Later(f"{code} why")
    assert judge(None, Refused(code, "why")) == Later(f"{code} why")


@pytest.mark.parametrize("code", ["NOAUTH", "WRONGPASS", "NOPROTO"])
def test_what_is_wrong_with_the_connection_is_not_the_entrys_fault(code: str) -> None:
    assert isinstance(judge(ErrorReply(code, "why"), None), Later)


def test_a_server_of_another_kind_refuses_nothing_for_good() -> None:
    assert isinstance(judge(ErrorReply("ERR", "unknown command 'JOB.SUBMIT'"), None), Later)


@pytest.mark.parametrize("error", [ConnectionLost("away"), OutcomeUnknown("perhaps", "k")])
def test_what_has_no_answer_is_sent_again(error: PenstockError) -> None:
    assert judge(None, error) == Later(str(error))


@pytest.mark.parametrize("code", ["ERR", "TOOLARGE", "KEYREUSED", "NEWCODE"])
def test_every_other_refusal_is_for_good(code: str) -> None:
    assert judge(ErrorReply(code, "why"), None) == Declined(code, "why")


@pytest.mark.parametrize(("reply", "verdict"), [(17, Accepted(17)), ("OK", Later)])
def test_only_an_id_is_an_acknowledgement(reply: Reply, verdict: object) -> None:
    found = judge(reply, None)

    assert found == verdict or type(found) is verdict


def test_a_full_queue_says_when_to_try_again() -> None:
    found = judge(ErrorReply("QUEUEFULL", "q is full; try again in about 2500 ms"), None)

    assert isinstance(found, Later)
    assert found.of_queue
    assert found.hint_seconds == 2.5


def test_the_oldest_are_sent_together() -> None:
    assert Pace().choose([one(1), one(2), one(3, "other")]) == [1, 2, 3]


def test_a_window_is_bounded_in_entries() -> None:
    many = [one(n) for n in range(limits.OUTBOX_SCAN_ENTRIES_MAX)]

    assert len(Pace().choose(many)) == limits.OUTBOX_WINDOW_ENTRIES_MAX


def test_a_window_is_bounded_in_bytes() -> None:
    half = limits.OUTBOX_WINDOW_BYTES_MAX // 2

    assert Pace().choose([one(1, size=half), one(2, size=half), one(3)]) == [1, 2]


def test_an_entry_larger_than_a_window_goes_alone() -> None:
    assert Pace().choose([one(1, size=limits.OUTBOX_WINDOW_BYTES_MAX + 1), one(2)]) == [1]


def test_of_a_group_one_is_on_its_way_at_a_time() -> None:
    candidates = [one(1, group="g"), one(2, group="g"), one(3), one(4, group="h")]

    assert Pace().choose(candidates) == [1, 3, 4]


def test_groups_of_the_same_name_in_two_queues_are_two() -> None:
    assert Pace().choose([one(1, "a", "g"), one(2, "b", "g")]) == [1, 2]


def test_of_a_key_one_is_on_its_way_at_a_time() -> None:
    first, second = (Candidate(n, "q", None, "same", 10) for n in (1, 2))

    assert Pace().choose([first, second, one(3)]) == [1, 3]


def test_behind_one_of_a_group_that_is_held_back_its_key_is_held_back_too() -> None:
    held_back = Candidate(2, "q", "g", "same", 10)

    assert Pace().choose([one(1, group="g"), held_back, Candidate(3, "q", None, "same", 10)]) == [1]


def settled(pace: Pace, verdicts: Sequence[tuple[str, Verdict]], now: float = 100.0) -> Pace:
    pace.settle(verdicts, now)
    return pace


def test_a_busy_server_is_left_alone_for_a_while_then_asked_with_one_entry() -> None:
    pace = settled(Pace(), [("q", Accepted(1)), ("q", BUSY)])

    assert 100.0 <= pace.paused_until() <= 100.0 + limits.CLIENT_BACKOFF_CAP_SECONDS
    assert pace.choose([one(1), one(2)]) == [1]
    assert pace.problem == "OVERLOADED"


def test_the_pace_grows_again_with_each_window_that_went_through() -> None:
    pace = settled(Pace(), [("q", BUSY)])
    many = [one(n) for n in range(600)]

    sizes = []
    for _ in range(11):
        sizes.append(len(pace.choose(many)))
        pace.settle([("q", Accepted(1))], 200.0)

    assert sizes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512]
    assert pace.problem is None


def test_a_full_queue_holds_up_no_other() -> None:
    pace = settled(Pace(), [("full", FULL), ("other", Accepted(1))])

    assert pace.paused_until() <= 100.0
    assert pace.problem == "QUEUEFULL"
    assert pace.choose([one(1, "full"), one(2, "full"), one(3, "other")]) == [1, 3]


def test_a_full_queue_is_left_alone_as_long_as_it_says() -> None:
    later = Later("QUEUEFULL", of_queue=True, hint_seconds=5.0)
    pace = settled(Pace(), [("full", later)])

    assert pace.paused_queues(104.9) == ["full"]
    assert pace.next_queue_at(104.9) is not None
    assert pace.paused_queues(105.0 + limits.CLIENT_BACKOFF_BASE_SECONDS) == []


def test_no_word_of_a_server_holds_up_a_queue_for_ever() -> None:
    pace = settled(Pace(), [("full", Later("QUEUEFULL", of_queue=True, hint_seconds=1e9))])

    assert pace.paused_queues(100.0 + limits.OUTBOX_PAUSE_SECONDS_MAX + 1) == []


def test_a_queue_with_room_again_is_no_problem_any_more() -> None:
    pace = settled(Pace(), [("full", FULL)])

    for _ in range(10):
        pace.settle([("full", Accepted(1))], 200.0)

    assert pace.problem is None
    assert len(pace.choose([one(n, "full") for n in range(9)])) == 9


def test_a_server_that_cannot_be_reached_is_tried_after_a_pause() -> None:
    pace = Pace()

    pace.lost("no server answers", 100.0)

    assert pace.paused_until() >= 100.0
    assert pace.problem == "no server answers"
