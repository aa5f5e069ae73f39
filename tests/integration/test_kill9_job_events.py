"""The life of jobs is told whole, and as it was, by a server that is killed with kill -9."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import anyio
import pytest
from anyio import to_thread

from penstock.config.address import Address
from penstock.jobs.model import State
from penstock.jobs.transitions import TRANSITIONS, Cause
from penstock.loadtest.conversation import Conversation
from penstock.loadtest.history import SeenJob
from penstock.loadtest.processes import free_port
from penstock.loadtest.target import Target
from tests.integration.storm import Client, Storm, settle
from tests.integration.test_kill9_server import kill_and_start, recorded_server
from tests.integration.wire import fields

KILLS = 4
CLIENTS = 4
PAGE = 1_000
OF_ALL: Final = "jobs:*"
OF_QUEUE: Final = "jobs:default"

Told = dict[str, str]


async def follow(target: Target) -> None:
    """Have the life of jobs told: somebody listens."""
    commands = [("XGROUP", "CREATE", s, "audit", "$", "MKSTREAM") for s in (OF_ALL, OF_QUEUE)]
    async with Conversation(target) as conversation:
        assert await conversation.ask(commands) == ["OK", "OK"]


async def life(target: Target, stream: str) -> list[Told]:
    """Return all transitions that a stream tells of."""
    told: list[Told] = []
    first = "-"
    async with Conversation(target) as conversation:
        while True:
            (page,) = await conversation.ask([("XRANGE", stream, first, "+", "COUNT", PAGE)])
            assert isinstance(page, list), page
            for event in page:
                assert isinstance(event, list), event
                assert isinstance(event[0], bytes), event
                first = f"({event[0].decode()}"
                told.append({name: _text(value) for name, value in fields(event[1]).items()})
            if len(page) < PAGE:
                return told


def _text(value: object) -> str:
    assert isinstance(value, bytes), value
    return value.decode()


def misfits(told: list[Told], jobs: Mapping[int, SeenJob]) -> list[str]:
    """Return where the story of a job has a hole, or ends otherwise than the job did."""
    stories: defaultdict[int, list[Told]] = defaultdict(list)
    for event in told:
        stories[int(event["id"])].append(event)
    unknown = stories.keys() - jobs.keys()
    found = [f"job {job_id} is told of, and there is none" for job_id in unknown]
    for job in jobs.values():
        state = ""
        for event in stories[job.id]:
            before = State(event["from"]) if event["from"] else None
            after = TRANSITIONS.get((before, Cause(event["reason"])))
            if event["from"] != state or after is not State(event["to"]):
                found.append(f"job {job.id} is {state!r} when it is told of {event}")
            if (event["queue"], event["key"]) != (job.queue, job.key):
                found.append(f"job {job.id} has key {job.key}: {event}")
            state = event["to"]
        attempts = [int(event["attempt"]) for event in stories[job.id]]
        if state != job.state or attempts != sorted(attempts) or attempts[-1:] != [job.attempt]:
            found.append(f"{job} is told to be {state!r} after attempts {attempts}")
    return found


@pytest.mark.integration
async def test_every_transition_is_told_whatever_is_killed(tmp_path: Path, seed: int) -> None:
    port = free_port()
    storm = Storm(Target(Address("127.0.0.1", port)), seed)
    with recorded_server(tmp_path, f"127.0.0.1:{port}") as server:
        await follow(storm.target)
        storm.server_is_up()
        async with anyio.create_task_group() as group:
            group.start_soon(kill_and_start, storm, server, KILLS)
            for number in range(CLIENTS):
                group.start_soon(Client(storm, f"client{number}").run)
        jobs = await settle(storm.target, storm.operations)
        of_all = await life(storm.target, OF_ALL)
        of_queue = await life(storm.target, OF_QUEUE)
        assert await to_thread.run_sync(server.stop) == 0

    assert misfits(of_all, jobs) == [], f"log and data in {tmp_path}"
    assert of_queue == of_all
