"""Whoever publishes and subscribes through our client notices nothing of a killed server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import anyio
import pytest
from anyio import to_thread

from penstock.client import AsyncClient
from penstock.client.event import Event
from penstock.config.address import Address
from penstock.loadtest.processes import ServerProcess, free_port
from penstock.loadtest.target import Target
from tests.integration.event_history import (
    EventHistory,
    GroupHistory,
    Origin,
    Published,
    Seen,
    Told,
    check_events,
)
from tests.integration.event_storm import EventStorm, cursors, ending, read_id
from tests.integration.server_process import a_server

KILLS = 4
PUBLISHERS = 5
# Answers between two kills, at most.
ANSWERS_MAX = 150
STREAM: Final = "s"


async def publish(storm: EventStorm, client: AsyncClient, name: str) -> None:
    """Publish one event after the other until the storm is over; nothing may be raised."""
    count = 0
    while not storm.stopped:
        count += 1
        event = await client.publish(STREAM, producer=name, count=count)
        storm.tell(STREAM, Published(Origin(name, count), Told.ACKNOWLEDGED, read_id(event)))


def seen(event: Event) -> Seen:
    return Seen(read_id(event.id), Origin(event["producer"], event.json("count")), False, 0)


async def follow(client: AsyncClient, group: str | None, log: list[Seen]) -> None:
    """Write down every event for ever; nothing may be raised."""
    async with client.subscribe(STREAM, group=group, from_="start") as subscription:
        async for event in subscription:
            log.append(seen(event))  # noqa: PERF401 - others look at the log meanwhile.


async def until_all_is_seen(storm: EventStorm, plain: Sequence[Seen]) -> None:
    """Wait until the plain reader is at the end of the stream, and the group too."""
    with anyio.fail_after(30):
        while True:
            (group,) = (await cursors(storm.target, STREAM)).values()
            end = await ending(storm.target, STREAM, ["g"])
            last = end.kept[-1][0]
            if plain[-1].id == group.last_delivered_id == last and not end.pending["g"]:
                return
            await anyio.sleep(0.05)


async def kill_and_start(
    storm: EventStorm, server: ServerProcess, logs: Sequence[Sequence[Seen]]
) -> None:
    """Kill the server at random moments once everybody is connected, and start it each time."""
    while True:
        if all(logs):
            break
        await storm.until_answered(1)
    for _ in range(KILLS):
        await storm.until_answered(storm.random.randint(1, ANSWERS_MAX))
        await to_thread.run_sync(server.kill)
        await to_thread.run_sync(server.start)
    await storm.until_answered(ANSWERS_MAX)
    storm.stopped = True


@pytest.mark.integration
async def test_a_killed_server_costs_publishers_and_subscribers_nothing_but_time(
    tmp_path: Path, seed: int
) -> None:
    target = Target(Address("127.0.0.1", free_port()))
    storm = EventStorm(target, seed)
    plain: list[Seen] = []
    consumers: dict[str, list[Seen]] = {"g/1": [], "g/2": []}
    with a_server(tmp_path, listen=str(target)) as server:
        async with AsyncClient(str(target)) as client, anyio.create_task_group() as group:
            group.start_soon(follow, client, None, plain)
            for log in consumers.values():
                group.start_soon(follow, client, "g", log)
            async with anyio.create_task_group() as publishing:
                publishing.start_soon(kill_and_start, storm, server, [plain, *consumers.values()])
                for number in range(PUBLISHERS):
                    publishing.start_soon(publish, storm, client, f"p{number}")
            await until_all_is_seen(storm, plain)
            group.cancel_scope.cancel()
        end = await ending(target, STREAM, ["g"])
        assert await to_thread.run_sync(server.stop) == 0

    history = EventHistory(
        published=storm.published[STREAM],
        kept=end.kept,
        added_count=end.added_count,
        readers={"plain": plain},
        groups={"g": GroupHistory(consumers, [], [], end.pending["g"])},
    )
    assert check_events(history) == [], f"log and data in {tmp_path}"
    assert len(end.kept) == len(storm.published[STREAM])
    assert end.pending["g"] == frozenset()
