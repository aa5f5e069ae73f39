"""Random walks, taken by a real redis-server and by Penstock at the same time: no reply differs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from penstock.loadtest.processes import free_port
from tests.compliance.streams.connection import Connection, Reply
from tests.compliance.streams.servers import Server, forget_all
from tests.compliance.streams.walk import Command, Walk, comparable
from tests.integration.server_process import a_server

pytestmark = [pytest.mark.integration, pytest.mark.program("redis-server")]

STEPS = 250
# Commands sent at once: they are decided in few turns, and some need what is not known in theirs.
BURST_MAX = 40
KILLS = 3
_SHOWN = 25


def bursts(commands: Sequence[Command], random: Random, burst_max: int) -> Iterator[list[Command]]:
    """Cut a walk into pieces that are sent with one write each; transactions stay whole."""
    position = 0
    while position < len(commands):
        end = position + random.randint(1, burst_max)
        yield list(commands[position:end])
        position = end


def allowed(commands: Sequence[Command]) -> Iterator[Command]:
    """Yield the commands as Penstock gets them: its groups let trimming pass, as Redis' do."""
    for command in commands:
        yield command
        if command[:2] == ("XGROUP", "CREATE"):
            yield ("XGROUP", "TRIM", command[2], command[3], "ALLOW")


def ask_penstock(connection: Connection, commands: Sequence[Command]) -> list[Reply]:
    sent = list(allowed(commands))
    connection.send(*sent)
    replies = zip(sent, connection.replies(len(sent)), strict=True)
    return [reply for command, reply in replies if command[:2] != ("XGROUP", "TRIM")]


def compare(
    commands: list[Command], redis: list[Reply], penstock: list[Reply], past: list[Command]
) -> None:
    """Fail at the first reply that differs, and show what led to it."""
    for command, theirs, ours in zip(commands, redis, penstock, strict=True):
        said, wanted = comparable(command, ours), comparable(command, theirs)
        if said != wanted or type(said) is not type(wanted):
            named = {str(word) for word in command[1:4]} & {"s", "t", "u"}
            led = [one for one in past if named & {str(word) for word in one[1:7]}][-_SHOWN:]
            pytest.fail(
                "\n".join(" ".join(map(str, one)) for one in (*led, command))
                + f"\nRedis says    {wanted}\nPenstock says {said}"
            )
        past.append(command)


@pytest.mark.parametrize("burst_max", [1, BURST_MAX], ids=["one by one", "in bursts"])
def test_a_random_walk_is_answered_as_by_redis(
    redis: Server, penstock: Server, protocol: int, burst_max: int, seed: int
) -> None:
    walk = Walk(seed)
    commands = [*walk.steps(STEPS), *walk.everything()]
    past: list[Command] = []
    with redis.connect(protocol) as theirs, penstock.connect(protocol) as ours:
        forget_all(theirs)
        forget_all(ours)
        for burst in bursts(commands, Random(seed), burst_max):
            theirs.send(*burst)
            compare(burst, theirs.replies(len(burst)), ask_penstock(ours, burst), past)


def test_a_random_walk_goes_on_where_penstock_was_killed(
    redis: Server, tmp_path: Path, seed: int
) -> None:
    walk = Walk(seed)
    past: list[Command] = []
    port = free_port()
    with redis.connect() as theirs, a_server(tmp_path, listen=f"127.0.0.1:{port}") as process:
        forget_all(theirs)
        for _ in range(KILLS):
            commands = [*walk.steps(STEPS // KILLS), *walk.everything()]
            with Connection(port, 2) as ours:
                for burst in bursts(commands, Random(seed), BURST_MAX):
                    theirs.send(*burst)
                    compare(burst, theirs.replies(len(burst)), ask_penstock(ours, burst), past)
            process.kill()
            process.start()
