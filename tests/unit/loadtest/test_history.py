"""The checker finds what is planted, and nothing in a history that is sound."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from penstock.loadtest.history import (
    RULES,
    Effect,
    History,
    Operation,
    Outcome,
    SeenJob,
    check_history,
)

JOBS = 6


def expected(payload: bytes) -> bytes:
    return payload[::-1]


def operation(number: int, verb: str = "call", **more: object) -> Operation:
    fields: dict[str, object] = {
        "client": "c",
        "index": number,
        "verb": verb,
        "key": f"k{number}",
        "queue": "default",
        "priority": 1000,
        "payload": b"payload %d" % number,
        "invoked_ms": 1_000 * number,
        "returned_ms": 1_000 * number + 10,
        "outcome": Outcome.ACKNOWLEDGED,
        "job_id": number if verb == "submit" else None,
        "result": None if verb == "submit" else expected(b"payload %d" % number),
    }
    return Operation(**{**fields, **more})  # type: ignore[arg-type]


def job(number: int, **more: object) -> SeenJob:
    fields: dict[str, object] = {
        "id": number,
        "key": f"k{number}",
        "queue": "default",
        "state": "completed",
        "priority": 1000,
        "attempt": 1,
        "failures": 0,
        "attempts_max": 3,
        "payload": b"payload %d" % number,
        "result": expected(b"payload %d" % number),
        "claimed_at": 1_000 * number + 5,
    }
    return SeenJob(**{**fields, **more})  # type: ignore[arg-type]


class Story:
    """A sound history of submissions and calls, to be spoiled."""

    def __init__(self) -> None:
        self.operations = [
            operation(number, "submit" if number % 2 else "call") for number in range(1, JOBS + 1)
        ]
        self.effects = [Effect(number, 1, f"k{number}") for number in range(1, JOBS + 1)]
        self.jobs = {number: job(number) for number in range(1, JOBS + 1)}
        self.server_crashed = False
        self.settled = True

    def violated(self) -> set[str]:
        history = History(
            self.operations, self.effects, self.jobs, expected, self.server_crashed, self.settled
        )
        return {violation.rule for violation in check_history(history)}

    def change(self, number: int, **more: object) -> None:
        self.operations[number - 1] = replace(self.operations[number - 1], **more)

    def change_job(self, number: int, **more: object) -> None:
        self.jobs[number] = replace(self.jobs[number], **more)


def lose_a_submission(story: Story) -> None:
    del story.jobs[3]
    del story.effects[2]


def lose_a_call(story: Story) -> None:
    del story.jobs[2]
    del story.effects[1]


def never_finish(story: Story) -> None:
    story.change_job(1, state="claimed")


def invent_a_job(story: Story) -> None:
    story.jobs[99] = job(99)
    story.effects.append(Effect(99, 1, "k99"))


def carry_out_what_was_refused(story: Story) -> None:
    story.change(1, outcome=Outcome.REFUSED, job_id=None)


def double_a_job(story: Story) -> None:
    story.jobs[99] = job(99, key="k1", payload=b"payload 1", result=expected(b"payload 1"))
    story.effects.append(Effect(99, 1, "k1"))


def answer_a_retry_with_another_id(story: Story) -> None:
    story.operations.append(operation(1, "submit", client="c again", job_id=5))


def complete_and_bury(story: Story) -> None:
    story.change_job(2, state="dead", failures=3, attempt=3, result=None)


def bury_and_complete(story: Story) -> None:
    story.change(2, outcome=Outcome.DEAD, result=None)


def fail_too_often(story: Story) -> None:
    story.change_job(1, failures=4, attempt=4)


def bury_too_early(story: Story) -> None:
    story.change_job(1, state="dead", failures=2, attempt=2, result=None)


def run_an_attempt_twice(story: Story) -> None:
    story.effects.append(story.effects[0])


def run_an_attempt_nobody_claimed(story: Story) -> None:
    story.effects.append(Effect(1, 2, "k1"))


def complete_without_work(story: Story) -> None:
    del story.effects[0]


def swap_two_results(story: Story) -> None:
    story.change(2, result=expected(b"payload 4"))
    story.change(4, result=expected(b"payload 2"))


def swap_two_ids(story: Story) -> None:
    story.change(1, job_id=3)
    story.change(3, job_id=1)


def change_a_result(story: Story) -> None:
    story.change_job(2, result=b"something else")


def change_a_payload(story: Story) -> None:
    story.change_job(2, payload=b"other", result=expected(b"other"))


def pass_an_urgent_job_over(story: Story) -> None:
    story.change(1, priority=0)
    story.change_job(1, priority=0, claimed_at=9_000)


PLANTED: list[tuple[Callable[[Story], None], str]] = [
    (lose_a_submission, "nothing acknowledged is lost"),
    (lose_a_call, "nothing acknowledged is lost"),
    (never_finish, "nothing acknowledged is lost"),
    (invent_a_job, "no job comes from nowhere"),
    (carry_out_what_was_refused, "no job comes from nowhere"),
    (double_a_job, "one key, one job"),
    (answer_a_retry_with_another_id, "one key, one job"),
    (complete_and_bury, "a job ends once"),
    (bury_and_complete, "a job ends once"),
    (fail_too_often, "attempts are bounded"),
    (bury_too_early, "attempts are bounded"),
    (run_an_attempt_twice, "an attempt runs once"),
    (run_an_attempt_nobody_claimed, "work leaves traces"),
    (complete_without_work, "work leaves traces"),
    (swap_two_results, "each reply answers its request"),
    (swap_two_ids, "each reply answers its request"),
    (change_a_result, "a result does not change"),
    (change_a_payload, "each reply answers its request"),
    (pass_an_urgent_job_over, "urgent jobs go first"),
]


def test_a_sound_history_has_no_violation() -> None:
    assert Story().violated() == set()


@pytest.mark.parametrize(
    ("plant", "rule"), PLANTED, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_planted_violation_is_found(plant: Callable[[Story], None], rule: str) -> None:
    story = Story()

    plant(story)

    assert rule in story.violated()


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule for _, rule in PLANTED} == set(RULES)


def test_a_job_of_unknown_outcome_may_exist() -> None:
    story = Story()
    story.change(1, outcome=Outcome.UNKNOWN, job_id=None)

    assert story.violated() == set()


def test_a_job_of_unknown_outcome_may_be_missing() -> None:
    story = Story()
    lose_a_submission(story)
    story.change(3, outcome=Outcome.UNKNOWN, job_id=None)

    assert story.violated() == set()


def test_a_request_sent_again_under_its_key_may_get_the_same_id() -> None:
    story = Story()
    story.operations.append(operation(1, "submit", client="c again"))

    assert story.violated() == set()


def test_a_request_refused_once_may_be_accepted_later() -> None:
    story = Story()
    story.operations.append(operation(1, "submit", outcome=Outcome.REFUSED, job_id=None))

    assert story.violated() == set()


def test_a_crash_may_make_an_attempt_run_twice() -> None:
    story = Story()
    story.server_crashed = True
    run_an_attempt_twice(story)

    assert story.violated() == set()


def test_jobs_may_be_unfinished_while_nobody_waited_for_them() -> None:
    story = Story()
    story.settled = False
    never_finish(story)

    assert story.violated() == set()


def test_an_urgent_job_may_come_late() -> None:
    story = Story()
    story.change(6, priority=0)
    story.change_job(6, priority=0)

    assert story.violated() == set()
