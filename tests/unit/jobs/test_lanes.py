"""Lanes against a plain model: a sorted list of all ready jobs, and how many run by tenant."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

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
    assert desk.lanes.running_count("a") == 2


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
    desk = Desk([job_of("a", 1), job_of("a", 2)])
    desk.ask()
    lanes = desk.lanes
    lanes.take_first()
    assert lanes.first() is None  # Job 2 is in a lane now.
    lanes.dissolve()
    question = HeadQuestion(Q, None, 16, without=frozenset({"a"}))

    lanes.answer(question, [], elsewhere=())

    found = lanes.dissolve().first()
    assert found is not None
    assert found[1] == 2


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


# --- against the model ---------------------------------------------------------------------------

TENANTS = (None, "a", "b", "c", "d", "e")


class Against(RuleBasedStateMachine):
    """Commits take time: jobs are taken, end and go while the answers are on their way."""

    lanes_max = 100

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.running_max = 2
        self.lanes = Lanes(
            Q,
            Window(16, complete=False),
            self.running_max,
            {},
            lambda job: None,
            lanes_max=self.lanes_max,
        )
        self.next_id = 1
        self.pending: list[Job] = []  # To be stored with the next commit.
        self.ready: dict[JobId, Job] = {}  # The model: what was stored and is not taken.
        self.running: list[Job] = []
        self.elsewhere: set[JobId] = set()  # Taken or gone, and the store was not told.
        self.flight: tuple[list[Job], list[tuple[HeadQuestion, list[Job]]]] | None = None

    def best(self) -> Job | None:
        counts = Counter(job.tenant for job in self.running)
        may_run = [
            entry(job)
            for job in self.ready.values()
            if job.tenant is None or counts[job.tenant] < self.running_max
        ]
        return min(may_run)[2] if may_run else None

    def settle(self) -> None:
        for _ in range(200):
            if self.flight is not None:
                self.end_commit(fails=False)
            self.lanes.first()
            if not self.pending and not self.lanes.is_low():
                return
            self.begin_commit()
        raise AssertionError("there is no end of questions")

    @rule(
        tenant=st.sampled_from(TENANTS),
        ranks=st.lists(st.integers(0, 5), min_size=1, max_size=30),
    )
    def submit(self, tenant: str | None, ranks: list[int]) -> None:
        for rank in ranks:
            self.pending.append(job_of(tenant, self.next_id, rank))
            self.next_id += 1

    @precondition(lambda self: self.flight is None)
    @rule()
    def begin_commit(self) -> None:
        for job_id in self.elsewhere:
            self.store.jobs.pop(job_id, None)
        self.elsewhere = set()
        stored, self.pending = self.pending, []
        self.store.jobs.update((job.id, job) for job in stored)
        answers = [(q, self.store.answer(q)) for q in self.lanes.questions()]
        self.flight = (stored, answers)

    @precondition(lambda self: self.flight is not None)
    @rule(fails=st.booleans())
    def end_commit(self, fails: bool) -> None:
        assert self.flight is not None
        (stored, answers), self.flight = self.flight, None
        if fails:
            self.pending = stored + self.pending
            for job in stored:
                del self.store.jobs[job.id]
            for question, _ in answers:
                self.lanes.ask_again(question)
            return
        for job in stored:
            self.ready[job.id] = job
            self.lanes.offer(entry(job))
        for question, jobs in answers:
            self.lanes.answer(question, jobs, elsewhere=self.elsewhere)

    @rule()
    def take(self) -> None:
        found = self.lanes.first()
        if found is not None:
            job = self.lanes.take_first()
            assert job is found[2]
            del self.ready[job.id]
            self.elsewhere.add(job.id)
            self.running.append(job)

    @rule()
    def take_when_settled(self) -> None:
        self.settle()
        self.take()

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        job = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.lanes.ended(job.tenant)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        job = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.lanes.ended(job.tenant)
        self.pending.append(job)

    @precondition(lambda self: self.ready)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = self.ready.pop(data.draw(st.sampled_from(sorted(self.ready))))
        self.lanes.remove(job)
        self.elsewhere.add(job.id)

    @rule(jobs_max=st.integers(16, 40))
    def shrink(self, jobs_max: int) -> None:
        self.lanes.shrink(jobs_max)

    @rule(running_max=st.integers(1, 4))
    def reterm(self, running_max: int) -> None:
        self.running_max = running_max
        self.lanes.retermed(running_max)

    @rule()
    def limit_anew(self) -> None:
        """Lift the limit and set it again."""
        running = Counter(job.tenant for job in self.running if job.tenant is not None)
        window = self.lanes.dissolve()
        self.lanes = Lanes(
            Q, window, self.running_max, running, lambda job: None, lanes_max=self.lanes_max
        )

    @invariant()
    def what_is_first_is_the_best(self) -> None:
        found = self.lanes.first()
        assert found is None or found[2] == self.best()

    @invariant()
    def memory_is_bounded(self) -> None:
        window = 40 + 40 // 4
        assert len(self.lanes) <= 2 * window + 5 * 4
        assert self.lanes.lanes_count <= self.lanes_max

    def teardown(self) -> None:
        """Whatever happened, in the end the store's answers say what is first."""
        self.settle()
        found = self.lanes.first()
        best = self.best()
        assert (None if found is None else found[2]) == best


class AgainstWithFewLanes(Against):
    """Too few lanes hold jobs up, and never let a wrong one run."""

    lanes_max = 2

    @invariant()
    def what_is_first_is_the_best(self) -> None:
        found = self.lanes.first()
        if found is not None:
            counts = Counter(job.tenant for job in self.running)
            tenant = found[2].tenant
            assert tenant is None or counts[tenant] < self.running_max
            assert found[2] == self.ready[found[2].id]

    def teardown(self) -> None:
        """As jobs end, all of them get their turn."""
        for _ in range(2_000):
            self.settle()
            if self.lanes.first() is None:
                if not self.running:
                    break
                self.lanes.ended(self.running.pop().tenant)
            else:
                self.take()
        assert self.ready == {}


TestAgainst = Against.TestCase
TestAgainst.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestAgainstWithFewLanes = AgainstWithFewLanes.TestCase
TestAgainstWithFewLanes.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
