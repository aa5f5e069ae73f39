"""A queue of which each tenant may run only so many jobs at a time.

The front of such a queue may be thousands of jobs of a tenant that runs as many as it may, and the
jobs of all others are behind it. So a tenant that is met at the front and may not run any more
gets a lane: a window of its own, and the main window is one of the queue without this tenant.
Nothing is ever searched; what memory does not hold of a lane is in the store, as with any window.

A lane goes when its tenant has no ready jobs any more. It stays while the tenant may run again,
and its jobs and those of the main window are merged by (rank, id): to put a long lane back would
mean to read past its jobs again.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Final

from penstock.config.limits import LANE_JOBS_MIN, LANE_QUESTIONS_MAX, LANES_MAX
from penstock.jobs.model import Job, QueueName
from penstock.jobs.store.port import HeadQuestion
from penstock.jobs.window import Entry, Position, Window

# Entries of the heap that lanes have left behind, for each lane, before it is made anew.
_STALE_FACTOR: Final = 4


class Lanes:
    """The ready jobs of one queue, in order, without those that may not run.

    Used like a window: `first` and `take_first`, `offer` and `remove`, `questions` and `answer`.
    Invariants: a job whose tenant has a lane is never in the main window; of the others, and of
    each lane, memory holds what a window of that order does.

    Jobs without a tenant are never held back.
    """

    __slots__ = (
        "_asked",
        "_front",
        "_is_stuck",
        "_lane_jobs_max",
        "_lanes",
        "_lanes_max",
        "_low",
        "_main",
        "_pushed_out",
        "_queue",
        "_running",
        "_running_max",
        "_unknown",
    )

    def __init__(
        self,
        queue: QueueName,
        main: Window,
        running_max: int,
        running: Mapping[str, int],
        pushed_out: Callable[[Job], object],
        *,
        lanes_max: int = LANES_MAX,
    ) -> None:
        """Take over a window of the whole queue, and the count of jobs that run, by tenant.

        *pushed_out* is told of jobs that memory let go by itself: they are only in the store.
        """
        self._queue = queue
        self._main = main
        self._running_max = running_max
        self._running = dict(running)
        self._pushed_out = pushed_out
        self._lanes_max = lanes_max
        self._lanes: dict[str, Window] = {}
        self._lane_jobs_max = main.jobs_max
        # The first jobs of lanes that may run, as a heap; some of them are no longer right.
        self._front: list[tuple[int, int, str]] = []
        self._low: dict[str, None] = {}  # Lanes that may have to be refilled.
        self._unknown: dict[str, None] = {}  # Lanes of which only the store knows the first job.
        self._asked: dict[str | None, HeadQuestion] = {}  # Not answered yet; None: the main window.
        self._is_stuck = False  # The tenant at the front needs a lane, and there is none left.

    def __len__(self) -> int:
        """Return how many jobs are in memory, those that may not run among them."""
        return len(self._main) + sum(map(len, self._lanes.values()))

    @property
    def lanes_count(self) -> int:
        return len(self._lanes)

    @property
    def complete(self) -> bool:
        """Say whether memory holds all ready jobs."""
        return self._main.complete and all(lane.complete for lane in self._lanes.values())

    @property
    def running(self) -> Mapping[str, int]:
        """Return how many jobs of each tenant run."""
        return self._running

    def is_saturated(self, tenant: str | None) -> bool:
        """Say whether a tenant runs as many jobs as it may."""
        return tenant is not None and self._running.get(tenant, 0) >= self._running_max

    # --- the jobs --------------------------------------------------------------------------------

    def first(self) -> Entry | None:
        """Return the most urgent job that may run.

        None also if it is not known, because the store has to be asked first.
        """
        source = self._source()
        return None if source is None else source.first()

    def take_first(self) -> Job:
        """Take out the job that is `first`; it runs from now on, until `ended`."""
        source = self._source()
        assert source is not None
        job = source.take_first()
        tenant = job.tenant
        if tenant is not None:
            self._running[tenant] = self._running.get(tenant, 0) + 1
            if source is not self._main:
                self._shortened(tenant, source)
        return job

    def ended(self, tenant: str | None) -> None:
        """Take note that a job of a tenant runs no more."""
        if tenant is None:
            return
        count = self._running[tenant] - 1
        if count:
            self._running[tenant] = count
        else:
            del self._running[tenant]
        if count < self._running_max:
            self._is_stuck = False
            lane = self._lanes.get(tenant)
            if lane is not None:
                self._compete(tenant, lane)

    def offer(self, entry: Entry) -> Job | None:
        """Let a job in if it belongs here; return the job that is only in the store now, if any."""
        tenant = entry[2].tenant
        lane = None if tenant is None else self._lanes.get(tenant)
        if lane is None or tenant is None:
            return self._main.offer(entry)
        pushed_out = lane.offer(entry)
        if lane.first() is entry:
            self._compete(tenant, lane)
        return pushed_out

    def remove(self, job: Job) -> bool:
        """Take out a job that is not ready any more; say whether it was in memory."""
        position = (job.rank, job.id)
        tenant = job.tenant
        lane = None if tenant is None else self._lanes.get(tenant)
        if lane is None or tenant is None:
            return self._main.remove(position) is not None
        found = lane.remove(position) is not None
        if found:
            self._shortened(tenant, lane)
        return found

    # --- what the store knows --------------------------------------------------------------------

    def is_low(self) -> bool:
        """Say whether the store should be asked for more, now or once it has answered."""
        return self._main.is_low() or bool(self._low)

    def questions(self) -> list[HeadQuestion]:
        """Ask for what is missing, unless it is asked for already."""
        questions: list[HeadQuestion] = []
        if self._main.is_low():
            asked = self._asked.get(None)
            if asked is None or not self._is_of_use(asked):
                questions.append(
                    HeadQuestion(
                        self._queue,
                        self._main.horizon,
                        self._main.jobs_max,
                        without=frozenset(self._lanes),
                    )
                )
        # Those that may run first: the whole queue waits for them.
        for tenant in sorted(self._low, key=self.is_saturated):
            if len(questions) >= LANE_QUESTIONS_MAX:
                break
            del self._low[tenant]
            lane = self._lanes[tenant]
            asked = self._asked.get(tenant)
            if lane.is_low() and (asked is None or asked.after != lane.horizon):
                questions.append(
                    HeadQuestion(self._queue, lane.horizon, lane.jobs_max, tenant=tenant)
                )
        self._asked.update((question.tenant, question) for question in questions)
        return questions

    def answer(
        self, question: HeadQuestion, jobs: Sequence[Job], *, elsewhere: Container[int]
    ) -> None:
        """Take in what the store answered; jobs in *elsewhere* are claimed here already."""
        tenant = question.tenant
        if self._asked.get(tenant) == question:
            del self._asked[tenant]
        entries = [(job.rank, job.id, job) for job in jobs]
        asked = question.jobs_max
        if tenant is not None:
            lane = self._lanes.get(tenant)
            if lane is not None:
                lane.refill(question.after, entries, asked=asked, elsewhere=elsewhere)
                if asked > self._lane_jobs_max:
                    self._trim(lane)
                self._shortened(tenant, lane)
        elif self._is_of_use(question):
            # A tenant that got a lane since is asked for apart, from where it left this window.
            skipped = {job.id for job in jobs if job.id in elsewhere or job.tenant in self._lanes}
            self._main.refill(question.after, entries, asked=asked, elsewhere=skipped)

    def ask_again(self, question: HeadQuestion) -> None:
        """Take note that the commit failed that carried a question."""
        if self._asked.get(question.tenant) == question:
            del self._asked[question.tenant]
        if question.tenant in self._lanes:
            assert question.tenant is not None
            self._low[question.tenant] = None

    def _is_of_use(self, question: HeadQuestion) -> bool:
        """Say whether a question for the main window is still what is to be known.

        Not if it left out a tenant whose jobs are in this window (again).
        """
        return question.after == self._main.horizon and question.without <= self._lanes.keys()

    # --- other terms -----------------------------------------------------------------------------

    def retermed(self, running_max: int) -> None:
        """Change how many jobs of a tenant may run."""
        self._running_max = running_max
        self._is_stuck = False
        self._make_front()

    def shrink(self, jobs_max: int) -> list[Job]:
        """Hold fewer jobs from now on (or more); return those that are only in the store now."""
        pushed_out = self._main.shrink(jobs_max)
        self._share_memory()
        return pushed_out

    def dissolve(self) -> Window:
        """Return one window of the whole queue: tenants may run any number of jobs again."""
        while self._lanes:
            self._rejoin(next(iter(self._lanes)))
        return self._main

    # --- lanes -----------------------------------------------------------------------------------

    def _source(self) -> Window | None:
        """Return the window whose first job is the most urgent that may run."""
        entry = self._main.first()
        while entry is not None and self.is_saturated(entry[2].tenant):
            if self._is_stuck or not self._set_aside():
                self._is_stuck = True
                entry = None
                break
            entry = self._main.first()
        source = self._main
        lane = self._first_lane()
        if lane is not None:
            head = lane.first()
            assert head is not None
            if entry is None or head[:2] < entry[:2]:
                entry, source = head, lane
        if entry is None or self._may_be_preceded(entry[:2]):
            return None
        return source

    def _may_be_preceded(self, position: Position) -> bool:
        """Say whether a job that is only in the store might come before a position."""
        main = self._main
        if not main.complete and not len(main) and _is_behind(position, main.horizon):
            return True
        return any(
            _is_behind(position, self._lanes[tenant].horizon)
            for tenant in self._unknown
            if not self.is_saturated(tenant)
        )

    def _first_lane(self) -> Window | None:
        """Return the lane, of those that may run, whose first job is the most urgent."""
        front = self._front
        while front:
            rank, job_id, tenant = front[0]
            lane = self._lanes.get(tenant)
            head = None if lane is None else lane.first()
            if head is not None and head[:2] == (rank, job_id) and not self.is_saturated(tenant):
                return lane
            heappop(front)
        return None

    def _compete(self, tenant: str, lane: Window) -> None:
        """Let the first job of a lane be found, if it may run."""
        head = lane.first()
        if head is None or self.is_saturated(tenant):
            return
        if len(self._front) >= _STALE_FACTOR * (len(self._lanes) + 1):
            self._make_front()
        else:
            heappush(self._front, (head[0], head[1], tenant))

    def _make_front(self) -> None:
        heads = ((tenant, lane.first()) for tenant, lane in self._lanes.items())
        self._front = [
            (head[0], head[1], tenant)
            for tenant, head in heads
            if head is not None and not self.is_saturated(tenant)
        ]
        heapify(self._front)

    def _shortened(self, tenant: str, lane: Window) -> None:
        """See to a lane whose first jobs have changed."""
        if len(lane):
            self._unknown.pop(tenant, None)
            self._compete(tenant, lane)
        elif lane.complete:
            self._drop(tenant)
            self._share_memory()
            return
        else:
            self._unknown[tenant] = None
        if lane.is_low():
            self._low[tenant] = None

    def _set_aside(self) -> bool:
        """Give lanes to the tenants in the main window that may not run; say whether one moved."""
        wanted = self._held_in_main()
        is_changed = self._free_lanes(len(self._lanes) + len(wanted) - self._lanes_max)
        if is_changed:
            wanted = self._held_in_main()
        moved: dict[str, list[Entry]] = {
            tenant: [] for tenant in list(wanted)[: self._lanes_max - len(self._lanes)]
        }
        if not moved:
            return is_changed
        for entry in self._main.split(lambda job: job.tenant in moved):
            assert entry[2].tenant is not None
            moved[entry[2].tenant].append(entry)
        for tenant, entries in moved.items():
            self._lanes[tenant] = self._main.part(entries)
        self._share_memory()
        for tenant in moved:
            lane = self._lanes[tenant]
            self._trim(lane)
            if lane.is_low():
                self._low[tenant] = None
        return True

    def _held_in_main(self) -> dict[str, None]:
        """Return the tenants in the main window that may not run, the first one first."""
        tenants = dict.fromkeys(entry[2].tenant for entry in self._main)
        return {
            tenant: None for tenant in tenants if tenant is not None and self.is_saturated(tenant)
        }

    def _free_lanes(self, count: int) -> bool:
        """Put lanes back whose tenants may run, short ones first; say whether there were any."""
        if count <= 0:
            return False
        free = [tenant for tenant in self._lanes if not self.is_saturated(tenant)]
        free.sort(key=lambda tenant: not self._lanes[tenant].complete)
        for tenant in free[:count]:
            self._rejoin(tenant)
        return bool(free)

    def _rejoin(self, tenant: str) -> None:
        """Put the jobs of a lane back into the main window, which ends where the lane does."""
        main, lane = self._main, self._lanes[tenant]
        self._drop(tenant)
        if not lane.complete:
            assert lane.horizon is not None
            if main.complete or _is_behind(main.horizon, lane.horizon):
                self._let_go(main.cut(lane.horizon))
        for entry in lane:
            pushed_out = main.offer(entry)
            if pushed_out is not None:
                self._pushed_out(pushed_out)

    def _drop(self, tenant: str) -> None:
        del self._lanes[tenant]
        self._low.pop(tenant, None)
        self._unknown.pop(tenant, None)
        self._is_stuck = False

    def _share_memory(self) -> None:
        """Let all lanes together hold what one window may, or a few jobs each."""
        lanes = 1 << (len(self._lanes) - 1).bit_length() if self._lanes else 1
        jobs_max = max(LANE_JOBS_MIN, self._main.jobs_max // lanes)
        if jobs_max != self._lane_jobs_max:
            self._lane_jobs_max = jobs_max
            for lane in self._lanes.values():
                self._trim(lane)

    def _trim(self, lane: Window) -> None:
        self._let_go(lane.shrink(self._lane_jobs_max))

    def _let_go(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._pushed_out(job)


def _is_behind(position: Position | None, horizon: Position | None) -> bool:
    """Say whether what is at a position is beyond what is known; None knows nothing."""
    return position is not None and (horizon is None or position > horizon)
