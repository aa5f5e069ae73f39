"""Lanes against a plain model: a sorted list of all ready jobs, and how many run by tenant."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from msgspec.structs import replace

from penstock.config.limits import LANE_QUESTIONS_MAX
from penstock.jobs.lanes import Lanes
from penstock.jobs.model import Job, JobId, QueueName
from penstock.jobs.store.port import HeadQuestion
from penstock.jobs.window import Entry, Window
from tests.unit.jobs.jobs import a_job

Q = QueueName("q")


def job_of(tenant: str | None, job_id: int, rank: int = 1) -> Job:
    return replace(a_job(job_id, rank, queue=Q), tenant=tenant)


def entry(job: Job) -> Entry:
    return job.rank, job.id, job


class Store:
    """Ready jobs, and the answers to questions about them."""

    def __init__(self) -> None:
        self.jobs: dict[JobId, Job] = {}
        self.questions = 0

    def answer(self, question: HeadQuestion) -> list[Job]:
        self.questions += 1
        found = sorted(
            entry(job)
            for job in self.jobs.values()
            if question.tenant in (None, job.tenant) and job.tenant not in question.without
        )
        after = question.after or (-1, -1)
        return [job for rank, id_, job in found if (rank, id_) > after][: question.jobs_max]


class Desk:
    """Lanes over a store that holds some jobs already."""

    def __init__(self, jobs: Sequence[Job], *, running_max: int = 1, jobs_max: int = 16) -> None:
        self.store = Store()
        self.store.jobs = {job.id: job for job in jobs}
        self.pushed_out: list[int] = []
        self.lanes = Lanes(
            Q,
            Window(jobs_max, complete=False),
            running_max,
            {},
            lambda job: self.pushed_out.append(job.id),
        )

    def ask(self) -> None:
        for _ in range(100):
            questions = self.lanes.questions()
            if not questions:
                return
            for question in questions:
                self.lanes.answer(question, self.store.answer(question), elsewhere=())
        raise AssertionError("there is no end of questions")

    def take(self) -> int | None:
        """Take the first job, as soon as the store has said which it is."""
        self.ask()
        if self.lanes.first() is None:
            self.ask()
        if self.lanes.first() is None:
            return None
        job = self.lanes.take_first()
        del self.store.jobs[job.id]
        return job.id

    def take_all(self) -> list[int]:
        taken = []
        while (job_id := self.take()) is not None:
            taken.append(job_id)
        return taken


def test_a_tenant_runs_no_more_than_it_may() -> None:
    desk = Desk([job_of("a", n) for n in range(1, 6)], running_max=2)

    assert desk.take_all() == [1, 2]
    assert desk.lanes.is_saturated("a")
    assert desk.lanes.running["a"] == 2


def test_jobs_without_a_tenant_are_never_held_back() -> None:
    desk = Desk([job_of(None, n) for n in range(1, 6)])

    assert desk.take_all() == [1, 2, 3, 4, 5]
    desk.lanes.ended(None)
    assert not desk.lanes.is_saturated(None)


def test_others_are_found_behind_thousands_that_may_not_run() -> None:
    flood = [job_of("flood", n) for n in range(1, 5_001)]
    desk = Desk([*flood, job_of("a", 6_001), job_of("b", 6_002)])

    assert desk.take_all() == [1, 6_001, 6_002]
    assert len(desk.lanes) <= 2 * 16
    assert desk.store.questions <= 6


def test_who_frees_a_place_goes_on_in_order() -> None:
    desk = Desk([job_of("a", n, rank=9 - n) for n in range(1, 9)])
    assert desk.take_all() == [8]

    desk.lanes.ended("a")

    assert desk.take_all() == [7]


def test_the_most_urgent_of_all_that_may_run_goes_first() -> None:
    desk = Desk([job_of("a", 1), job_of("a", 2, 3), job_of("b", 3, 2), job_of("b", 4, 4)])
    assert desk.take_all() == [1, 3]

    desk.lanes.ended("b")
    desk.lanes.ended("a")

    assert desk.take_all() == [2, 4]


def test_a_long_lane_is_read_on_from_where_it_was() -> None:
    desk = Desk([job_of("a", n) for n in range(1, 201)], running_max=1)
    taken: list[int] = []

    while (job_id := desk.take()) is not None:
        taken.append(job_id)
        desk.lanes.ended("a")

    assert taken == list(range(1, 201))
    assert len(desk.lanes) == 0


def test_a_lane_goes_with_its_last_job() -> None:
    desk = Desk([job_of("a", 1), job_of("a", 2)])
    assert desk.take_all() == [1]
    assert desk.lanes.lanes_count == 1

    desk.lanes.ended("a")

    assert desk.take_all() == [2]
    assert desk.lanes.lanes_count == 0
    assert desk.lanes.complete


def test_many_lanes_share_the_memory_of_a_window() -> None:
    jobs = [job_of(f"t{n % 50}", n) for n in range(1, 5_001)]
    desk = Desk(jobs, jobs_max=64)

    taken = desk.take_all()

    assert len(taken) == 50
    assert desk.lanes.lanes_count == 50
    assert len(desk.lanes) <= 64 + 50 * 4


def test_a_lane_makes_room_for_another() -> None:
    desk = Desk([job_of("ab"[n > 300], n) for n in range(1, 601)], jobs_max=64)

    assert desk.take_all() == [1, 301]
    assert len(desk.lanes) <= 64
    assert desk.pushed_out
    assert all(300 > job_id > 32 or job_id > 332 for job_id in desk.pushed_out)


def test_what_is_asked_already_is_not_asked_again() -> None:
    desk = Desk([job_of("a", n) for n in range(1, 100)])

    assert len(desk.lanes.questions()) == 1
    assert desk.lanes.questions() == []
    assert desk.lanes.is_low()


def test_what_could_not_be_asked_is_asked_again() -> None:
    desk = Desk([job_of("a", n) for n in range(1, 100)])
    desk.take_all()
    desk.lanes.ended("a")
    while len(desk.lanes) > 2 and desk.lanes.first() is not None:
        desk.lanes.take_first()
        desk.lanes.ended("a")
    questions = desk.lanes.questions()
    assert [question.tenant for question in questions] == ["a"]

    for question in questions:
        desk.lanes.ask_again(question)

    assert desk.lanes.questions() == questions


def test_an_answer_without_a_tenant_that_came_back_is_of_no_use() -> None:
    """Its jobs would be missing from what the window believes to hold."""
    window = Window(8, complete=False)
    window.horizon = (1, 5)
    for job_id in (1, 2):
        window.offer(entry(job_of("a", job_id)))
    lanes = Lanes(Q, window, 1, {}, lambda job: None)
    lanes.take_first()
    assert lanes.first() is None  # Job 2 has a lane now.
    question, _ = lanes.questions()
    assert question.without == {"a"}

    lanes = Lanes(Q, lanes.dissolve(), 2, {}, lambda job: None)
    lanes.answer(question, [], elsewhere=())

    assert not lanes.complete
    assert [each.without for each in lanes.questions()] == [frozenset()]


def test_a_lane_that_may_not_run_holds_nobody_up() -> None:
    """Its first job is not known, and need not be."""
    desk = Desk([*(job_of("a", n) for n in range(1, 60)), job_of("b", 99)], running_max=30)
    desk.lanes.retermed(1)
    assert desk.take() == 1
    assert desk.take() == 99
    desk.lanes.retermed(30)
    while (found := desk.lanes.first()) is not None:
        desk.lanes.take_first()
        del desk.store.jobs[found[2].id]
    desk.lanes.retermed(1)
    assert len(desk.lanes) == 0

    desk.lanes.offer(entry(job_of("b", 98)))
    desk.lanes.ended("b")

    found = desk.lanes.first()
    assert found is not None
    assert found[1] == 98


def test_a_window_of_the_whole_queue_is_left_without_the_limit() -> None:
    desk = Desk([job_of("ab"[n % 2], n) for n in range(1, 101)])
    desk.take_all()

    window = desk.lanes.dissolve()

    held = [job_id for _, job_id, _ in window]
    ready = sorted(desk.store.jobs)
    assert held == ready[: len(held)]
    assert held
    assert not window.complete
    assert desk.lanes.lanes_count == 0


def test_a_higher_limit_lets_more_run() -> None:
    desk = Desk([job_of("a", n) for n in range(1, 9)])
    assert desk.take_all() == [1]

    desk.lanes.retermed(3)
    assert desk.take_all() == [2, 3]
    desk.lanes.retermed(1)
    desk.lanes.ended("a")
    desk.lanes.ended("a")

    assert desk.take() is None


def test_removing_a_job_leaves_the_others() -> None:
    jobs = [job_of("a", n) for n in range(1, 5)]
    desk = Desk([*jobs, job_of(None, 9)])
    desk.take_all()

    assert desk.lanes.remove(jobs[1])
    assert not desk.lanes.remove(jobs[0])
    assert not desk.lanes.remove(job_of(None, 8))
    desk.lanes.ended("a")

    assert desk.lanes.take_first().id == 3


def test_without_a_free_lane_the_queue_waits_for_an_end() -> None:
    store = [job_of(f"t{n % 3}", n) for n in range(1, 31)]
    desk = Desk(store)
    desk.lanes = Lanes(Q, Window(16, complete=False), 1, {}, lambda job: None, lanes_max=2)
    taken = desk.take_all()
    assert len(taken) <= 3

    while taken:
        for job_id in taken:
            desk.lanes.ended(f"t{job_id % 3}")
        taken = desk.take_all()

    assert desk.store.jobs == {}


def test_a_commit_carries_no_more_questions_than_it_may() -> None:
    """Lanes of those who may run go first; the others are asked for with the next."""
    window = Window(1_000, complete=False)
    window.horizon = (1, 1_000)
    for n in range(100):
        window.offer(entry(job_of(f"t{n}", n + 1)))
    lanes = Lanes(Q, window, 1, {f"t{n}": 1 for n in range(100)}, lambda job: None)
    assert lanes.first() is None
    lanes.ended("t99")

    questions = lanes.questions()
    rest = lanes.questions()

    assert [question.tenant for question in questions[:2]] == [None, "t99"]
    assert len(questions) == LANE_QUESTIONS_MAX
    assert len(rest) == 101 - LANE_QUESTIONS_MAX


def test_what_is_left_behind_by_lanes_does_not_pile_up() -> None:
    desk = Desk([job_of("a", 1), job_of("a", 99)])
    assert desk.take_all() == [1]
    desk.lanes.ended("a")

    for rank in range(1_000):
        desk.lanes.offer(entry(job_of("a", 50, 0 - rank)))

    assert len(desk.lanes._front) < 20


# --- against the model ---------------------------------------------------------------------------

TENANTS = (None, "a", "b", "c", "d", "e")
JOBS_MAX = 5


class Walk:
    """Commits take time: jobs are taken, end and go while the answers are on their way."""

    def __init__(self, seed: int, lanes_max: int) -> None:
        self.random = Random(seed)
        self.lanes_max = lanes_max
        self.store = Store()
        self.running_max = 2
        self.ids = 0
        self.ready: dict[JobId, Job] = {}  # The model: what was stored and is not taken.
        self.running: list[Job] = []
        self.pending: list[Job] = []  # To be stored with the next commit.
        self.elsewhere: set[JobId] = set()  # Taken or gone, and the store was not told.
        self.stored: list[Job] | None = None  # With the commit that is under way.
        self.answers: list[tuple[HeadQuestion, list[Job]]] = []
        self.lanes = self.limited(Window(JOBS_MAX, complete=False))
        for _ in range(self.random.randrange(8)):
            tenant, rank = self.random.choice(TENANTS), self.random.randrange(6)
            jobs = [self.new_job(tenant, rank) for _ in range(self.random.randrange(40))]
            self.ready.update((job.id, job) for job in jobs)
        self.store.jobs = dict(self.ready)

    def limited(self, window: Window) -> Lanes:
        running = Counter(job.tenant for job in self.running if job.tenant is not None)
        return Lanes(
            Q, window, self.running_max, running, lambda job: None, lanes_max=self.lanes_max
        )

    def new_job(self, tenant: str | None, rank: int) -> Job:
        self.ids += 1
        return job_of(tenant, self.ids, rank)

    # --- what happens ----------------------------------------------------------------------------

    def step(self) -> None:
        actions = (
            (self.submit, 3),
            (self.commit, 6),
            (self.take_some, 6),
            (self.end_some, 4),
            (self.release, 1),
            (self.cancel, 1),
            (self.reterm, 1),
            (self.resize, 1),
            (self.limit_anew, 1),
        )
        (action,) = self.random.choices(
            [action for action, _ in actions], [weight for _, weight in actions]
        )
        action()
        self.check()

    def submit(self) -> None:
        tenant = self.random.choice(TENANTS)
        for _ in range(self.random.randrange(1, 6)):
            self.pending.append(self.new_job(tenant, self.random.randrange(6)))

    def commit(self) -> None:
        if self.stored is None:
            self.begin_commit()
        else:
            self.end_commit(fails=self.random.random() < 0.1)

    def begin_commit(self) -> None:
        for job_id in self.elsewhere:
            self.store.jobs.pop(job_id, None)
        self.elsewhere = set()
        self.stored, self.pending = self.pending, []
        self.store.jobs.update((job.id, job) for job in self.stored)
        self.answers = [(each, self.store.answer(each)) for each in self.lanes.questions()]

    def end_commit(self, *, fails: bool) -> None:
        assert self.stored is not None
        stored, self.stored = self.stored, None
        if fails:
            self.pending = stored + self.pending
            for job in stored:
                del self.store.jobs[job.id]
            for question, _ in self.answers:
                self.lanes.ask_again(question)
            return
        for job in stored:
            self.ready[job.id] = job
            self.lanes.offer(entry(job))
        for question, jobs in self.answers:
            self.lanes.answer(question, jobs, elsewhere=self.elsewhere)

    def take_some(self) -> None:
        for _ in range(self.random.randrange(1, 10)):
            if not self.take():
                break
            self.check()

    def take(self) -> bool:
        found = self.lanes.first()
        if found is None:
            return False
        job = self.lanes.take_first()
        assert job is found[2]
        assert self.ready.pop(job.id) == job
        self.elsewhere.add(job.id)
        self.running.append(job)
        return True

    def end(self) -> Job | None:
        if not self.running:
            return None
        job = self.running.pop(self.random.randrange(len(self.running)))
        self.lanes.ended(job.tenant)
        return job

    def end_some(self) -> None:
        for _ in range(self.random.randrange(1, 6)):
            self.end()

    def release(self) -> None:
        job = self.end()
        if job is not None:
            self.pending.append(job)

    def cancel(self) -> None:
        if self.ready:
            job = self.ready.pop(self.random.choice(list(self.ready)))
            self.lanes.remove(job)
            self.elsewhere.add(job.id)

    def reterm(self) -> None:
        self.running_max = self.random.randrange(1, 4)
        self.lanes.retermed(self.running_max)

    def resize(self) -> None:
        self.lanes.shrink(self.random.randrange(JOBS_MAX - 1, JOBS_MAX + 5))

    def limit_anew(self) -> None:
        """Lift the limit and set it again."""
        self.lanes = self.limited(self.lanes.dissolve())

    # --- what must hold --------------------------------------------------------------------------

    def check(self) -> None:
        found = self.lanes.first()
        if found is not None:
            assert self.may_run(found[2])
            assert self.ready[found[2].id] is found[2]
            if self.lanes_max >= len(TENANTS):
                assert found[2] == self.best()
        assert self.lanes.lanes_count <= self.lanes_max
        window = (JOBS_MAX + 4) * 5 // 4
        assert len(self.lanes) <= 2 * window + 4 * len(TENANTS)

    def may_run(self, job: Job) -> bool:
        running = sum(1 for other in self.running if other.tenant == job.tenant)
        return job.tenant is None or running < self.running_max

    def best(self) -> Job | None:
        found = [entry(job) for job in self.ready.values() if self.may_run(job)]
        return min(found)[2] if found else None

    def settle(self) -> None:
        """Let the store answer until there is nothing to ask."""
        for _ in range(200):
            if self.stored is not None:
                self.end_commit(fails=False)
            self.lanes.first()
            if not self.pending and not self.lanes.is_low():
                return
            self.begin_commit()
        raise AssertionError("there is no end of questions")


@pytest.mark.parametrize("seed", range(60))
def test_what_is_first_is_what_a_plain_list_says(seed: int) -> None:
    walk = Walk(seed, lanes_max=100)
    for _ in range(40):
        for _ in range(25):
            walk.step()
        walk.settle()

        found, best = walk.lanes.first(), walk.best()

        assert (None if found is None else found[2]) == best


@pytest.mark.parametrize("seed", range(20))
def test_with_too_few_lanes_every_job_gets_its_turn(seed: int) -> None:
    walk = Walk(seed, lanes_max=2)
    for _ in range(500):
        walk.step()

    for _ in range(5_000):
        walk.settle()
        if not walk.take() and walk.end() is None:
            break
        walk.check()

    assert walk.ready == {}
