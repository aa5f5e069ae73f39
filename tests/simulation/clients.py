"""Those who submit jobs, and wait for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.jobs.admission import is_urgent
from penstock.jobs.errors import Invalid, NoJob, Overloaded, QueueFull, QueueLeaves
from penstock.jobs.model import Job, JobId
from penstock.jobs.policy import SubmitRequest, Wishes
from penstock.jobs.queue_settings import WhenFull
from penstock.jobs.store.port import JobEnd, KeyHolder, StoreError, StoreFailed, Submission
from penstock.jobs.waits import Waiter
from tests.simulation.asked import Asked, Wait

if TYPE_CHECKING:
    from tests.simulation.world import World

_NO_WISHES = Wishes()
_REPLACE_TRIES = 20


class Clients:
    """Calls are made by name; each leaves the world in order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.restarted()

    def restarted(self) -> None:
        self.waits: list[Wait] = []
        self.parked: list[Submitting] = []
        self.together: list[list[Asked]] = []

    def submit(self, request: SubmitRequest, *, wait_ms: int | None = None) -> None:
        """Submit a job; with *wait_ms* it is a call."""
        Submitting(self._world, request, wait_ms).begin()
        self._world.turn()

    def submit_together(self, requests: Sequence[SubmitRequest]) -> None:
        """Submit jobs of which either all or none are stored."""
        world = self._world
        all_settled = [Submitting(world, request, None) for request in requests]
        submissions: list[tuple[Submission, Submitting]] = []
        for submitting in all_settled:
            submission = submitting.decide()
            if submission is None:
                break
            submissions.append((submission, submitting))
        if len(submissions) < len(requests):
            for submission, submitting in submissions:
                world.broker.withdraw(submission)
                submitting.refused()
        else:
            for _, submitting in submissions:
                submitting.may_replace = False
                world.asked.append(submitting)
            self.together.append([submitting for _, submitting in submissions])
            world.journal.submit_together(submissions)
        world.turn()

    # --- waits ---------------------------------------------------------------------------------

    def wait(self, job_id: JobId, wait_ms: int, *, known: bool = False) -> None:
        """Wait for a job; it is *known* to be there and unfinished, or that is to be read."""
        world = self._world
        wait = Wait(f"wait for job {job_id}")
        waiter = wait.waiter = Waiter(job_id=job_id, wait_ms=wait_ms, token=wait)
        world.asked.append(wait)
        self.waits.append(wait)
        ends_at = world.now + wait_ms
        if known:
            wait.ends_at = ends_at
            world.broker.wait(waiter, world.now)
            return
        world.broker.wait_unless_finished(waiter, world.now)

        def read(end: JobEnd | StoreError | None) -> None:
            if isinstance(end, StoreError):
                if not wait.answers:
                    world.broker.unwait(waiter)
                    wait.told(end)
                return
            wait.ends_at = waiter.until
            try:
                world.broker.settle_wait(waiter, end)
            except NoJob as refusal:
                assert world.durable.job(job_id) is None
                wait.told(refusal)

        world.journal.read_end(job_id, read)

    def wait_for(self, job_id: int, wait_ms: int) -> None:
        self.wait(JobId(job_id), wait_ms)
        self._world.turn()

    def abandon_wait(self, index: int) -> None:
        """A caller who waits goes away."""
        parked = [wait for wait in self.waits if not wait.answers]
        if parked:
            wait = parked[index % len(parked)]
            assert wait.waiter is not None
            self._world.broker.unwait(wait.waiter)
            wait.told("gone")
        self._world.turn()

    def give_up_room(self, index: int) -> None:
        """A client goes away that waits for room in a queue."""
        if self.parked:
            self.parked[index % len(self.parked)].give_up()
        self._world.turn()

    def clock_stepped(self, step_ms: int) -> None:
        for wait in self.waits:
            if wait.ends_at is not None:
                wait.ends_at += step_ms

    def waits_end_at(self) -> list[int]:
        return [wait.ends_at for wait in self.waits if wait.ends_at is not None]

    def check(self) -> None:
        for together in self.together:
            fates = [
                isinstance(asked.answers[0], StoreError) for asked in together if asked.answers
            ]
            assert len(fates) in (0, len(together)), "some are stored and some are not"
            assert len(set(fates)) <= 1, "some are stored and some are refused"
        self.together = [together for together in self.together if not together[0].answers]
        self.waits = [wait for wait in self.waits if not wait.answers]


class Submitting(Asked):
    """One submission: decided, stored, answered; maybe after a wait for room or for a key."""

    def __init__(self, world: World, request: SubmitRequest, wait_ms: int | None) -> None:
        super().__init__(f"submission of {request.payload!r} to {request.queue}")
        self._world = world
        self._request = request
        self._wait_ms = wait_ms
        self._submission: Submission | None = None
        self._wishes = request.wishes or _NO_WISHES
        self._tries = _REPLACE_TRIES
        self._has_waited = False
        self.may_replace = self._wishes.replaces
        self.queue = request.queue
        self._priority = world.policy.priority if request.priority is None else request.priority
        self._line = (self.queue, is_urgent(self._priority, is_call=request.is_call))

    @property
    def has_room(self) -> bool:
        """Say whether there is room for it, should it be its turn."""
        return self._world.ledger.has_room(self._request, self._priority, waited=True)

    def begin(self) -> None:
        """Decide about it, or let it wait for room."""
        world, request = self._world, self._request
        world.asked.append(self)
        submission = self.decide()
        if submission is not None:
            world.journal.submit(submission, self)
        elif not self.answers:
            is_parked = world.broker.rooms.park(request, self)
            assert is_parked is (world.durable.terms(request.queue).when_full is WhenFull.WAIT)
            if is_parked:
                world.clients.parked.append(self)
                world.ledger.line[self._line] += 1
            else:
                self.told("full")

    def decide(self) -> Submission | None:
        """Make the submission; None if it is refused, for a good reason."""
        world, request = self._world, self._request
        waited = self._has_waited
        has_room = world.ledger.has_room(request, self._priority, waited=waited)
        # While a commit is being applied the broker knows a part of what is durable.
        is_unsure = self._submission is not None or world.is_measuring(request.queue)
        try:
            submission = world.broker.submit(request, world.now, waited=waited)
        except Overloaded:
            # A queue that is not in use stays while a question about it is on its way.
            assert len(world.broker._ready.queues) >= world.bounds.queues_max
            self.told("overloaded")
            return None
        except QueueLeaves:
            self.told("the queue leaves")
            return None
        except QueueFull:
            assert not has_room or is_unsure, "it is refused for no reason"
            return None
        except Invalid:
            assert self._wishes.deadline_ms is not None
            assert request.delay_ms is not None
            assert self._wishes.deadline_ms <= request.delay_ms
            self.told("never due in time")
            return None
        assert has_room or is_unsure, "there is no room for it"
        self.what = f"submission {submission.job.id}"
        self._submission = submission
        world.last_id = max(world.last_id, submission.job.id)
        world.ledger.admitted[submission.job.id] = request
        world.ledger.marks[submission.job.id] = world.durable.terms(request.queue).rank_mark
        return submission

    def refused(self) -> None:
        """Others, without which it is not to be, were refused."""
        assert self._submission is not None
        del self._world.ledger.admitted[self._submission.job.id]

    def try_again(self) -> None:
        """There is room again."""
        world = self._world
        assert self._leave_line(), "it waits for room no longer"
        self._has_waited = True
        self._decide_again()
        world.collect()

    def give_up(self) -> None:
        if self._leave_line():
            self.told("gone")

    def _leave_line(self) -> bool:
        world = self._world
        if not world.broker.rooms.parked.unpark(self):
            return False
        world.clients.parked.remove(self)
        world.ledger.line[self._line] -= 1
        return True

    def _decide_again(self) -> None:
        submission = self.decide()
        if submission is not None:
            self._world.journal.submit(submission, self)
        elif not self.answers:
            self.told("full again")

    def __call__(self, outcome: KeyHolder | StoreError | None) -> None:
        """Take the answer."""
        world, submission = self._world, self._submission
        assert submission is not None
        job_id = submission.job.id
        del world.ledger.admitted[job_id]
        freeing = world.ledger.replacing.pop(job_id, None)
        if isinstance(outcome, StoreError):
            if freeing is not None and not isinstance(outcome, StoreFailed):
                world.decisions.settled(freeing, outcome, world.now)
            self.told(outcome)
        elif outcome is None:
            stored = world.durable.job(job_id)
            assert stored is not None, f"job {job_id} is acknowledged, and not there"
            self.told(job_id)
            if self._wait_ms is not None:
                world.clients.wait(job_id, self._wait_ms, known=True)
        else:
            self._met(submission, outcome)

    def _met(self, submission: Submission, holder: KeyHolder) -> None:
        """The key is another's: replace it, or be the same job."""
        world = self._world
        key = submission.job.key
        assert key is not None
        world.counted(submission.job.queue, "duplicates", 1)
        held = world.durable.job(holder.job_id)
        assert held is not None
        assert world.ledger.keys[key] == holder.job_id, "another holds the key"
        same = world.durable.fingerprint(holder.job_id) == submission.fingerprint
        assert holder.same is same
        if self.may_replace:
            self._replace(held)
            return
        self.told(holder.job_id)
        if self._wait_ms is not None and same:
            if self._request.priority is not None:
                world.broker.revisions.lift(holder.job, self._request.priority)
                world.collect()
            world.clients.wait(holder.job_id, self._wait_ms)

    def _replace(self, holder: Job) -> None:
        """Take the key from its holder, in the very commit that stores the new job."""
        world = self._world
        self._has_waited = True
        submission = self.decide()
        if submission is None:
            if not self.answers:
                self.told("full")
            return
        freeing = world.broker.revisions.replace(holder, now=world.now)
        if freeing is None:
            world.broker.withdraw(submission)
            del world.ledger.admitted[submission.job.id]
            self._tries -= 1
            if self._tries:
                world.journal.read_end(holder.id, self._read_holder)
            else:
                self.told("busy")
            return
        world.ledger.replacing[submission.job.id] = freeing
        world.follow(freeing)
        world.journal.submit_in_place(submission, freeing, self)

    def _read_holder(self, end: JobEnd | StoreError | None) -> None:
        """Try once more, as another change of the holder was on its way."""
        if isinstance(end, StoreError):
            self.told(end)
        elif end is None or end.job.key != self._request.key:
            self._decide_again()
        else:
            self._replace(end.job)
