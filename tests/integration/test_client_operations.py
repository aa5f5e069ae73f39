"""What the clients say of jobs and queues, against a real server without workers of its own."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penstock.client import (
    AsyncClient,
    Cancellation,
    Client,
    JobCancelled,
    JobExpired,
    QueueFull,
    Refused,
    Retry,
)
from penstock.loadtest.processes import ServerProcess

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data: Path = tmp_path_factory.mktemp("operations") / "data"
    with ServerProcess(data, "--http", "off", "--workers", "0") as server:
        yield str(server.target)


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, name="tests") as connected:
        yield connected


def test_every_policy_of_a_submission_is_shown(client: Client) -> None:
    job = client.options(
        queue="policies",
        key="policy-1",
        window_ms=60_000,
        tenant="acme",
        group="order 17",
        deadline_ms=600_000,
        keep_ms=5_000,
        retry=Retry(delays_ms=(1, 2)),
    ).submit("t", "x")

    shown = client.show(job.id)

    assert (shown.tenant, shown.group, shown.key) == ("acme", "order 17", "policy-1")
    assert (shown.keep_ms, shown.retry) == (5_000, Retry(delays_ms=(1, 2)))
    assert shown.expires_at == shown.submitted_at + 600_000
    assert (shown.producer, shown.payload_bytes) == ("tests", len('["x"]'))
    assert shown.waits_for is not None
    assert shown.waits_for.why


def test_a_backoff_is_shown_as_it_was_submitted(client: Client) -> None:
    retry = Retry(5, 60, jitter=False)

    job = client.options(queue="policies", retry=retry).submit("t")

    assert client.show(job.id).retry == retry


def test_the_waiting_job_of_a_key_is_replaced(client: Client) -> None:
    debounced = client.options(queue="debounced", key="debounced", replace=True)
    first, second = debounced.submit("t", 1), debounced.submit("t", 2)

    assert (client.show(first.id).state, client.show(second.id).state) == ("cancelled", "ready")


def test_a_list_finds_what_the_filters_say(client: Client) -> None:
    listed = client.options(queue="listed", tenant="acme")
    first = listed.submit("a")
    second = listed.options(delay_ms=60_000, group="g").submit("b")

    def ids(**filters: object) -> list[int]:
        return [job.id for job in client.jobs(queue="listed", **filters)]  # type: ignore[arg-type]

    assert ids() == [first.id, second.id]
    assert ids(state="scheduled") == [second.id]
    assert ids(state="waiting", limit=1) == [first.id]
    assert ids(task="a", tenant="acme") == [first.id]
    assert ids(group="g") == [second.id]
    assert ids(since=datetime.now(UTC) - timedelta(minutes=5)) == [first.id, second.id]
    assert ids(until=datetime.now(UTC) - timedelta(minutes=5)) == []
    assert ids(connection="me", state="unfinished") == [first.id, second.id]
    assert ids(connection="somebody-else") == []


def test_a_list_of_many_pages_finds_each_job_once(client: Client) -> None:
    with client.pipeline() as pipeline:
        asked = [pipeline.options(queue="pages").submit("t", n) for n in range(450)]

    found = [job.id for job in client.jobs(queue="pages")]

    assert found == [each.value.id for each in asked]
    assert len(list(client.jobs(queue="pages", limit=250))) == 250


async def test_an_asynchronous_list_finds_the_same(address: str) -> None:
    async with AsyncClient(address) as client:
        job = await client.options(queue="async-listed").submit("t")

        assert [each.id async for each in client.jobs(queue="async-listed")] == [job.id]


def test_a_waiting_job_is_cancelled_at_once(client: Client) -> None:
    job = client.options(queue="cancelled").submit("t")

    assert job.cancel("ordered twice") is Cancellation.CANCELLED
    assert job.cancel() is Cancellation.CANCELLED
    assert client.show(job.id).reason == "ordered twice"
    with pytest.raises(JobCancelled) as caught:
        job.result()
    assert (caught.value.job_id, caught.value.reason) == (job.id, "ordered twice")


async def test_the_worker_of_a_running_job_is_told_to_stop(address: str) -> None:
    told: list[tuple[int, int]] = []
    was_told = asyncio.Event()

    def on_cancel(job_id: int, attempt: int) -> None:
        told.append((job_id, attempt))
        was_told.set()

    async with (
        AsyncClient(address) as client,
        AsyncClient(address, on_cancel=on_cancel) as worker,
    ):
        job = await client.options(queue="told").submit("t")
        (claim,) = await worker.claim(["told"])

        assert await job.cancel() is Cancellation.TOLD
        await was_told.wait()
        assert told == [(claim.id, claim.attempt)]
        with pytest.raises(JobCancelled):
            await worker.extend(claim.id, claim.attempt)
        await worker.fail(claim.id, claim.attempt, "Cancelled: as told")
        assert (await job.show()).state == "cancelled"


async def test_progress_and_output_are_seen_while_a_job_runs(address: str) -> None:
    async with AsyncClient(address) as client:
        job = await client.options(queue="seen").submit("t")
        (claim,) = await client.claim(["seen"])
        await client.progress(claim.id, claim.attempt, 40, "reading")
        await client.output(claim.id, claim.attempt, "line 1\n")
        await client.output(claim.id, claim.attempt, "line 2\n")

        shown = await job.show()

    assert shown.progress is not None
    assert (shown.progress.percent, shown.progress.note) == (40, "reading")
    assert shown.output == "line 1\nline 2\n"


async def test_a_worker_says_how_an_attempt_goes_on(address: str) -> None:
    async with AsyncClient(address) as client:
        queue = client.options(queue="ends")
        snoozed, later, unwanted = [await queue.submit("t", n) for n in range(3)]
        first, second, third = await client.claim(["ends"], count=3)
        await client.release(first.id, first.attempt, delay_ms=60_000)
        await client.fail(second.id, second.attempt, "E: x", after_ms=60_000)
        await client.fail(third.id, third.attempt, "E: nobody needs it", cancel=True)

        shown = [await job.show() for job in (snoozed, later, unwanted)]

    assert [each.state for each in shown] == ["scheduled", "scheduled", "cancelled"]
    assert [(each.failures, each.releases) for each in shown[:2]] == [(0, 1), (1, 0)]


async def test_a_claim_says_how_often_it_was_tried(address: str) -> None:
    async with AsyncClient(address) as client:
        await client.options(queue="counted").submit("t")
        (claim,) = await client.claim(["counted"])
        await client.release(claim.id, claim.attempt)
        (claim,) = await client.claim(["counted"])
        await client.fail(claim.id, claim.attempt, "E: x", after_ms=0)
        (claim,) = await client.claim(["counted"])

    assert (claim.attempt, claim.failures, claim.releases) == (3, 1, 1)


def test_a_job_that_was_not_begun_in_time_is_expired(client: Client) -> None:
    job = client.options(queue="expired", deadline_ms=1).submit("t")

    with pytest.raises(JobExpired) as caught:
        job.result()

    assert caught.value.job_id == job.id


async def test_dead_jobs_are_redriven_or_discarded(address: str) -> None:
    async with AsyncClient(address) as client:
        queue = client.options(queue="dead", attempts=1)
        jobs = [await queue.submit(task) for task in ("a", "a", "b", "c")]
        for claim in await client.claim(["dead"], count=4):
            await client.fail(claim.id, claim.attempt, f"ValueError: {claim.task}")

        assert await client.redrive_dead("dead", task="a", limit=1) == 1
        await client.redrive(jobs[1].id)
        assert await client.discard_dead("dead", error="ValueError: b") == 1
        await client.discard(jobs[3].id)
        assert [job.state async for job in client.jobs(queue="dead")] == ["ready", "ready"]
        with pytest.raises(Refused) as caught:
            await client.discard(jobs[3].id)
    assert caught.value.code == "NOJOB"


def test_a_queue_is_set_paused_emptied_and_deleted(client: Client) -> None:
    queue = client.options(queue="managed")
    first, second = queue.submit("t"), queue.options(priority=0).submit("t")
    assert [job.id for job in client.peek("managed")] == [second.id, first.id]

    client.set_queue("managed", length_max=2)
    client.pause("managed")
    shown = client.queue("managed")
    assert shown.paused
    assert shown.waiting == 2
    assert shown.settings["length_max"] == 2
    with pytest.raises(QueueFull) as full:
        queue.submit("t")
    assert full.value.retry_after_ms is not None

    client.set_queue("managed", length_max=None)
    client.resume("managed")
    assert not client.queue("managed").paused
    with pytest.raises(Refused) as kept:
        client.delete_queue("managed")
    assert kept.value.code == "NOTEMPTY"
    assert client.purge("managed") == 2
    client.delete_queue("managed", force=True)
    with pytest.raises(Refused) as gone:
        client.queue("managed")
    assert gone.value.code == "NOQUEUE"


def test_what_is_set_can_be_taken_back(client: Client) -> None:
    client.set_queue("set", order="fair", weights={"acme": 3, "globex": 2}, timeout_ms=5)
    client.set_queue("set", weights={"acme": None}, timeout_ms=None)

    settings = client.queue("set").settings

    assert (settings["order"], settings["weights"]) == ("fair", {"globex": 2})
    assert settings["timeout_ms"] is None


def test_what_finished_already_cannot_be_cancelled(client: Client) -> None:
    job = client.options(queue="over", deadline_ms=1).submit("t")
    with pytest.raises(JobExpired):
        job.result()

    with pytest.raises(Refused) as caught:
        job.cancel()

    assert caught.value.code == "FINISHED"


def test_a_submission_of_an_outbox_can_be_cancelled_by_its_handle(
    address: str, tmp_path: Path
) -> None:
    with Client(address, outbox=tmp_path / "outbox") as client:
        job = client.options(queue="outbox").submit("t")
        job.wait_acknowledged(10_000)

        assert job.cancel() is Cancellation.CANCELLED
