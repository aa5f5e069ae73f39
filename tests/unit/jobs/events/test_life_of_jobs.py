"""Every transition of a followed queue's jobs is an event, in the commit that made it."""

import anyio

from penstock.jobs.events.model import GroupName, StreamName
from penstock.jobs.model import JobId
from penstock.jobs.retry import Failure
from penstock.jobs.store.port import Batch, Commit, StoreFull
from tests.unit.jobs.desk import request, wishing
from tests.unit.jobs.shop import MoodyStore, Shop, shop

MAIL = "jobs:default"


async def steps(made: Shop, job_id: JobId, stream: str = MAIL) -> list[tuple[str, str, str]]:
    """Return what happened to a job: from, to, reason."""
    await made.settled()
    return [
        (event["from"], event["to"], event["reason"])
        for event in await made.events(stream)
        if event["id"] == str(job_id)
    ]


async def test_nothing_is_told_where_nobody_follows() -> None:
    async with shop() as made:
        await made.stored()

        assert not made.journal.events.log.streams


async def test_a_job_that_completes_is_told_of_three_times() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        job_id = await made.stored()
        made.complete(made.claim()[0])

        assert await steps(made, job_id) == [
            ("", "ready", "submit"),
            ("ready", "claimed", "claim"),
            ("claimed", "completed", "complete"),
        ]


async def test_an_event_says_who_did_what_and_when() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        job_id = await made.stored()
        made.claim()
        await made.settled()

        claimed = (await made.events(MAIL))[-1]

        assert claimed["id"] == str(job_id)
        assert claimed["queue"] == "default"
        assert claimed["task"] == "echo"
        assert claimed["attempt"] == "1"
        assert claimed["worker"] == "w"
        assert claimed["at"] == str(made.now)


async def test_a_claim_is_told_at_once_where_somebody_follows() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        job_id = await made.stored()

        made.claim()

        assert (await steps(made, job_id))[-1] == ("ready", "claimed", "claim")


async def test_a_retry_is_told_with_its_error() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        job_id = await made.stored()
        made.fail(made.claim()[0], Failure("ValueError: boom\n  File ..."))

        assert (await steps(made, job_id))[-1] == ("claimed", "scheduled", "retry")
        last = (await made.events(MAIL))[-1]
        assert last["error"] == "ValueError: boom"
        assert int(last["due_at"]) > made.now


async def test_a_job_that_falls_due_is_told_of() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        job_id = await made.stored(request(delay_ms=1_000))
        await made.pass_time(1_000)

        assert await steps(made, job_id) == [
            ("", "scheduled", "schedule"),
            ("scheduled", "ready", "fall due"),
        ]


async def test_a_cancelled_job_is_told_with_the_state_that_it_was_in() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        job_id = await made.stored()
        made.cancel(job_id, "ordered twice")
        await made.settled()

        assert (await steps(made, job_id))[-1] == ("ready", "cancelled", "cancel")
        assert (await made.events(MAIL))[-1]["note"] == "ordered twice"


async def test_a_dead_job_that_is_redriven_is_told_of() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        job_id = await made.stored(request(attempts_max=1))
        made.fail(made.claim()[0])
        await made.settled()
        made.redrive(job_id)
        await made.settled()

        assert (await steps(made, job_id))[-2:] == [
            ("claimed", "dead", "give up"),
            ("dead", "ready", "redrive"),
        ]


async def test_a_submission_that_meets_its_key_is_no_transition() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        job_id = await made.stored(request(key="k"))
        made.submit(request(key="k"))
        await made.settled()

        assert await steps(made, job_id) == [("", "ready", "submit")]
        assert len(await made.events(MAIL)) == 1


async def test_the_turn_of_a_group_is_told_in_the_commit_that_gives_it() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        await made.stored(wishing(group="g"))
        second = await made.stored(wishing(group="g"))
        made.complete(made.claim()[0])

        assert await steps(made, second) == [
            ("", "blocked", "block"),
            ("blocked", "ready", "unblock"),
        ]


async def test_what_a_purge_removes_is_told_of() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        job_id = await made.stored()
        made.purge()
        await made.settled()
        made.purge_slice()
        await made.settled()

        assert (await steps(made, job_id))[-1] == ("ready", "removed", "purge")


async def test_the_stream_of_all_is_told_of_every_queue() -> None:
    async with shop() as made:
        await made.follow("jobs:*")
        await made.stored(request(queue="a"))
        await made.stored(request(queue="b"))

        assert [event["queue"] for event in await made.events("jobs:*")] == ["a", "b"]


async def test_the_end_of_the_last_group_ends_the_telling() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        made.ask(lambda turn: turn.destroy_group(_name(MAIL), _group("g")))
        await made.settled()

        await made.stored()

        assert not await made.events(MAIL)


async def test_a_full_disk_tells_of_nothing_that_was_not_stored() -> None:
    store = MoodyStore()
    async with shop(store=store) as made:
        await made.follow(MAIL)
        job_id = await made.stored()
        job = made.claim()[0]
        await made.settled()
        store.is_full = True
        refused, _ = made.submit()
        made.complete(job)
        await made.turns()
        store.is_full = False
        await made.settled()
        made.complete(job)

        assert not await steps(made, refused)
        assert (await steps(made, job_id))[-1] == ("claimed", "completed", "complete")
        assert len(await steps(made, job_id)) == 3


async def test_a_job_that_ran_before_it_was_followed_is_told_of_from_its_claim_on() -> None:
    async with shop() as made:
        job_id = await made.stored()
        job = made.claim()[0]
        await made.follow(MAIL)
        made.complete(job)

        assert await steps(made, job_id) == [
            ("ready", "claimed", "claim"),
            ("claimed", "completed", "complete"),
        ]


async def test_a_claim_that_found_no_room_is_told_with_the_end_of_its_attempt() -> None:
    store = _FullForATime()
    async with shop(store=store) as made:
        await made.follow(MAIL)
        job_id = await made.stored()
        store.gate = anyio.Event()
        store.refusals_left = 2  # Of the batch with the claim, with and without submissions.
        job = made.claim()[0]
        await made.turns()
        made.complete(job)
        store.gate.set()

        assert await steps(made, job_id) == [
            ("", "ready", "submit"),
            ("ready", "claimed", "claim"),
            ("claimed", "completed", "complete"),
        ]


async def test_nothing_is_told_in_a_stream_that_is_dropped_meanwhile() -> None:
    async with shop() as made:
        await made.follow(MAIL)
        made.ask(lambda turn: turn.drop(_name(MAIL)))
        _, answers = made.submit(request(key="k"))
        await made.settled()

        assert answers.told == [None]
        assert not made.journal.events.log.streams


class _FullForATime(MoodyStore):
    """Has no room for some commits."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals_left = 0

    async def commit(self, batch: Batch) -> Commit:
        await self.gate.wait()
        if self.refusals_left:
            self.refusals_left -= 1
            raise StoreFull("no room")
        return await super().commit(batch)


def _name(stream: str) -> StreamName:
    return StreamName(stream)


def _group(group: str) -> GroupName:
    return GroupName(group)
