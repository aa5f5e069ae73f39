"""What holds back jobs that are ready: pause, concurrency, rate, the jobs of one tenant."""

from tests.unit.jobs.desk import wishing
from tests.unit.jobs.shop import shop
from tests.unit.jobs.truth import check_memory


async def test_a_paused_queue_gives_out_nothing_until_it_is_resumed() -> None:
    async with shop() as made:
        await made.stored()
        made.pause()
        await made.settled()
        made.park()
        before = list(made.delivered)

        made.pause(False)
        await made.settled()

        assert before == []
        assert len(made.delivered) == 1


async def test_what_runs_goes_on_while_its_queue_is_paused() -> None:
    async with shop() as made:
        await made.stored()
        [job] = made.claim()
        made.pause()
        await made.settled()

        listener = made.complete(job)
        await made.settled()

        assert listener.told == [None]


async def test_no_more_jobs_run_than_may() -> None:
    async with shop() as made:
        made.set(concurrency_max=2)
        for _ in range(3):
            await made.stored()

        first, _ = made.claim(jobs_max=9)
        made.park()
        before = list(made.delivered)
        made.complete(first)
        await made.settled()

        assert before == []
        assert len(made.delivered) == 1
        await check_memory(made)


async def test_a_limit_that_is_raised_lets_the_next_begin() -> None:
    async with shop() as made:
        made.set(concurrency_max=1)
        await made.stored()
        await made.stored()
        made.claim()
        made.park()

        made.set(concurrency_max=2)
        await made.settled()

        assert len(made.delivered) == 1


async def test_a_tenant_runs_no_more_jobs_than_it_may() -> None:
    async with shop() as made:
        made.set(tenant_concurrency_max=1)
        await made.stored(wishing(tenant="a"))
        await made.stored(wishing(tenant="a"))
        await made.stored(wishing(tenant="b"))

        claimed = made.claim(jobs_max=9)
        made.complete(claimed[0])
        await made.settled()

        assert [job.tenant for job in claimed] == ["a", "b"]
        assert [job.tenant for job in made.claim(jobs_max=9)] == ["a"]


async def test_a_job_that_ends_before_the_limit_of_tenants_counts_not() -> None:
    async with shop() as made:
        await made.stored(wishing(tenant="a"))
        await made.stored(wishing(tenant="a"))
        [running] = made.claim()
        made.set(tenant_concurrency_max=1)
        await made.settled()

        held = made.claim()
        made.complete(running)
        await made.settled()

        assert held == []
        assert len(made.claim()) == 1


async def test_jobs_begin_at_the_rate_and_wake_who_waits() -> None:
    async with shop() as made:
        made.set(rate_count=10, rate_period_ms=1_000, burst=1)
        await made.settled()
        await made.stored()
        await made.stored()
        made.park()
        made.park()

        next_at = made.broker.next_at(made.now)
        made.tick(99)
        early = list(made.delivered)
        made.tick(1)
        first = list(made.delivered)
        made.tick(100)

        assert next_at == made.now - 200 + 100
        assert (len(early), len(first), len(made.delivered)) == (0, 1, 2)


async def test_a_token_is_no_reason_to_wake_where_something_else_holds_jobs_back() -> None:
    """The timer would fire at once, again and again."""
    async with shop() as made:
        made.set(rate_count=10, rate_period_ms=1_000, concurrency_max=1)
        await made.settled()
        await made.stored()
        await made.stored()
        made.claim()
        made.tick(1_000)
        made.claim()
        made.park()
        next_at = made.broker.next_at(made.now)
        made.pause()
        await made.settled()

        assert next_at is not None
        assert next_at > made.now
        paused_at = made.broker.next_at(made.now)
        assert paused_at is not None
        assert paused_at > made.now


async def test_a_token_does_not_wake_for_tenants_that_may_not_run() -> None:
    async with shop() as made:
        made.set(rate_count=10, rate_period_ms=1_000, tenant_concurrency_max=1)
        await made.settled()
        await made.stored(wishing(tenant="a"))
        await made.stored(wishing(tenant="a"))
        made.claim()
        made.tick(1_000)
        made.claim()
        made.park()

        next_at = made.broker.next_at(made.now)

        assert next_at is None or next_at > made.now
