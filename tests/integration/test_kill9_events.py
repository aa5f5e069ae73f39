"""Server, readers and consumers are killed with kill -9 again and again: nobody misses an event."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import anyio
import msgspec
import pytest
from anyio import to_thread

from penstock.config.address import Address
from penstock.loadtest.conversation import Conversation
from penstock.loadtest.processes import ServerProcess, free_port
from penstock.loadtest.target import Target
from penstock.protocol.reader import Reply
from tests.integration.event_history import (
    Cursor,
    EventHistory,
    EventId,
    GroupHistory,
    Job,
    Origin,
    Told,
    check_events,
)
from tests.integration.event_storm import (
    STREAMS,
    Application,
    EventStorm,
    Producer,
    cursors,
    ending,
    kind,
    read_id,
    read_log,
    until_read,
)
from tests.integration.server_process import a_server
from tests.integration.wire import fields

pytestmark = pytest.mark.integration

SERVER_KILLS = 6
APPLICATION_KILLS = 8
# Answers between two kills, at most.
ANSWERS_MAX = 250
CONSUMERS: Final = ("shared/ann", "shared/bob", "shared/cid", "lone/dan")
READERS: Final = ("eve", "fay")
GROUPS: Final = ("shared", "lone")
TRIGGER: Final = "fired"
QUEUE: Final = "triggered"
_PAGE = 1_000


@contextmanager
def applications(target: Target, directory: Path) -> Iterator[list[Application]]:
    """Have the processes of all consumers and readers, until the end of a `with`."""
    found = [Application("group", name, target, directory) for name in CONSUMERS]
    found += [Application("read", name, target, directory) for name in READERS]
    for application in found:
        application.start()
    try:
        yield found
    finally:
        for application in found:
            application.kill()


async def prepare(target: Target) -> None:
    """Make the groups, and a trigger on the first stream."""
    commands: list[tuple[str, ...]] = [
        ("XGROUP", "CREATE", stream, group, "0", "MKSTREAM")
        for stream in STREAMS
        for group in GROUPS
    ]
    match = ("MATCH", "kind", "odd")
    submit = ("SUBMIT", "task", "QUEUE", QUEUE)
    commands.append(("TRIGGER.SET", TRIGGER, "ON", STREAMS[0], "FROM", "0", *match, *submit))
    async with Conversation(target) as conversation:
        assert await conversation.ask(commands) == ["OK"] * len(commands)


async def kill_at_random(
    storm: EventStorm,
    server: ServerProcess,
    killable: Sequence[Application],
    told: dict[str, list[dict[str, Cursor]]],
    store: str,
) -> None:
    """Kill and start the server and its readers at random moments, and look at the cursors."""
    what: list[Application | None] = [None] * SERVER_KILLS
    what += storm.random.choices(killable, k=APPLICATION_KILLS)
    storm.random.shuffle(what)
    for killed in what:
        await storm.until_answered(storm.random.randint(1, ANSWERS_MAX))
        await look(storm.target, told)
        if killed is not None:
            await to_thread.run_sync(killed.kill)
            killed.start()
            continue
        storm.server_is_down()
        await to_thread.run_sync(server.kill)
        await to_thread.run_sync(server.start)
        if store == "memory":
            await prepare(storm.target)  # It has forgotten whom it serves.
        await look(storm.target, told)
        storm.server_is_up()
    await storm.until_answered(ANSWERS_MAX)
    storm.stopped = True


async def look(target: Target, told: dict[str, list[dict[str, Cursor]]]) -> None:
    for stream in STREAMS:
        told[stream].append(await cursors(target, stream))


async def until_fired(target: Target) -> None:
    """Wait until the trigger has dealt with all."""
    with anyio.fail_after(20):
        while True:
            async with Conversation(target) as conversation:
                (reply,) = await conversation.ask([("TRIGGER.SHOW", TRIGGER)])
            if fields(reply)["lag"] == 0:
                return
            await anyio.sleep(0.02)


async def triggered_jobs(target: Target) -> list[Job]:
    """Return all jobs of the trigger, with the events in their payloads."""
    jobs: list[Job] = []
    cursor: Reply = 0
    async with Conversation(target) as conversation:
        while True:
            words = ("JOB.LIST", "QUEUE", QUEUE, "COUNT", _PAGE, "CURSOR", str(cursor))
            (page,) = await conversation.ask([words])
            assert isinstance(page, list), page
            cursor, rows = page
            assert isinstance(rows, list), page
            ids = [str(fields(row)["id"]) for row in rows]
            shown = await conversation.ask([("JOB.SHOW", job_id) for job_id in ids])
            jobs += map(_job, shown)
            if cursor == 0:
                return jobs


def _job(reply: Reply) -> Job:
    shown = fields(reply)
    job_id, key, payload = shown["id"], shown["key"], shown["payload"]
    assert isinstance(job_id, int)
    assert isinstance(key, bytes)
    assert isinstance(payload, bytes)
    (event,) = msgspec.json.decode(payload)
    return Job(job_id, key.decode(), read_id(event["id"]))


def triggered(event: EventId, origin: Origin) -> str | None:
    """Return the key of the job that an event of the first stream should make."""
    if kind(origin) != "odd":
        return None
    return "trigger:{}:{}:{}-{}".format(TRIGGER, STREAMS[0], *event)


async def storm_and_settle(
    tmp_path: Path, seed: int, store: str
) -> tuple[EventStorm, list[EventHistory]]:
    """Kill server and readers under load, wait until all is read; return a history a stream."""
    port = free_port()
    target = Target(Address("127.0.0.1", port))
    storm = EventStorm(target, seed)
    told: dict[str, list[dict[str, Cursor]]] = {stream: [] for stream in STREAMS}
    with a_server(tmp_path, listen=str(target), store=store) as server:
        await prepare(target)
        with applications(target, tmp_path) as readers:
            storm.server_is_up()
            async with anyio.create_task_group() as group:
                group.start_soon(kill_at_random, storm, server, readers, told, store)
                for number in range(4):
                    keys = number % 2 == 1
                    group.start_soon(Producer(storm, f"p{number}", keys=keys).run)
            plain = [one for one in readers if one.name in READERS]
            await until_read(target, plain)
        await until_fired(target)
        await look(target, told)
        histories = [await history(storm, stream, told[stream], tmp_path) for stream in STREAMS]
        assert await to_thread.run_sync(server.stop) == 0
    return storm, histories


async def history(
    storm: EventStorm, stream: str, told: Sequence[Mapping[str, Cursor]], directory: Path
) -> EventHistory:
    """Collect all that is known of a stream."""
    end = await ending(storm.target, stream, GROUPS)
    is_first = stream == STREAMS[0]
    groups = {}
    for name in (*GROUPS, f"trigger:{TRIGGER}") if is_first else GROUPS:
        logs = {
            consumer: read_log(directory / f"group-{consumer.replace('/', '-')}.log", stream)
            for consumer in CONSUMERS
            if consumer.startswith(f"{name}/")
        }
        groups[name] = GroupHistory(
            seen={consumer: seen for consumer, (seen, _) in logs.items()},
            acknowledged=[one for _, known in logs.values() for one in known],
            cursors=[looked[name] for looked in told],
            pending=end.pending.get(name, frozenset()),
        )
    return EventHistory(
        published=storm.published[stream],
        kept=end.kept,
        added_count=end.added_count,
        readers={n: read_log(directory / f"read-{n}.log", stream)[0] for n in READERS},
        groups=groups,
        triggered=triggered if is_first else None,
        jobs=await triggered_jobs(storm.target) if is_first else (),
    )


async def test_killing_server_and_readers_breaks_no_promise(tmp_path: Path, seed: int) -> None:
    storm, histories = await storm_and_settle(tmp_path, seed, "sqlite")

    for one in histories:
        assert check_events(one) == [], f"logs and data in {tmp_path}"
        again = [s for g in one.groups.values() for seen in g.seen.values() for s in seen]
        assert any(not seen.anew for seen in again), "no consumer was killed before it confirmed"
    told = {one.told for stream in STREAMS for one in storm.published[stream]}
    assert told == {Told.ACKNOWLEDGED, Told.UNKNOWN}, "no event was in flight at any kill"
    assert histories[0].jobs


async def test_a_server_that_keeps_events_in_memory_only_is_caught(
    tmp_path: Path, seed: int
) -> None:
    _, histories = await storm_and_settle(tmp_path, seed, "memory")

    broken = {violation.rule for one in histories for violation in check_events(one)}
    assert {"nothing acknowledged is lost", "cursors never go back"} <= broken
