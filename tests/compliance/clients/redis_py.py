"""What redis-py (and valkey-py, its twin) does with Penstock; run by test_redis_py.py.

    python redis_py.py redis|valkey sync|asyncio 2|3|default OPEN_PORT GUARDED_PORT PASSWORD

Each claim is one test: its outcome is printed as JSON, null or a traceback. This runs under many
versions of the library, so it imports nothing of ours.
"""

import asyncio
import importlib
import inspect
import json
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

LIBRARY, STYLE, PROTOCOL, OPEN_PORT, GUARDED_PORT, PASSWORD = sys.argv[1:]
module = importlib.import_module(LIBRARY if STYLE == "sync" else f"{LIBRARY}.asyncio")
exceptions = importlib.import_module(f"{LIBRARY}.exceptions")
Connect = getattr(module, LIBRARY.capitalize())
NASTY = b"\x00\r\n$5\r\n*1\r\n\xff" + bytes(range(256))


CLAIMS: dict[str, Callable[[], Awaitable[None]]] = {}


def claim(check: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    CLAIMS[check.__name__] = check
    return check


async def settled(value: Any) -> Any:
    """Return what a call gave, in both styles of the library."""
    return await value if inspect.isawaitable(value) else value


def once() -> Any:
    """Return a policy without the seconds of retries that a wrong password gets by default."""
    backoff = importlib.import_module(f"{LIBRARY}.backoff")
    style = LIBRARY if STYLE == "sync" else f"{LIBRARY}.asyncio"
    return importlib.import_module(f"{style}.retry").Retry(backoff.NoBackoff(), 0)


class Client:
    """A client whose calls are awaited, whichever the style."""

    def __init__(self, port: str = OPEN_PORT, **options: Any) -> None:
        if PROTOCOL != "default":
            options["protocol"] = int(PROTOCOL)
        self.own = Connect(host="127.0.0.1", port=int(port), **options)

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await settled((getattr(self.own, "aclose", None) or self.own.close)())

    async def send(self, *words: object) -> Any:
        return await settled(self.own.execute_command(*words))

    async def refused(self, *words: object) -> str:
        try:
            reply = await self.send(*words)
        except exceptions.ResponseError as error:
            return f"{type(error).__name__} {error}"
        raise AssertionError(f"{words} was answered with {reply!r}")


def named(reply: Any) -> dict[bytes, Any]:
    """Return a map, which RESP2 shows flat."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))


@claim
async def a_client_connects_with_its_defaults() -> None:
    async with Client() as client:
        assert await settled(client.own.ping()) is True
        assert await settled(client.own.echo("x")) == b"x"


@claim
async def a_client_connects_with_the_password() -> None:
    async with Client(GUARDED_PORT, password=PASSWORD) as client:
        assert await settled(client.own.ping()) is True
    async with Client(GUARDED_PORT, username="default", password=PASSWORD) as client:
        assert await settled(client.own.ping()) is True


@claim
async def a_wrong_password_is_an_authentication_error() -> None:
    async with Client(GUARDED_PORT, password="wrong", retry=once()) as client:
        try:
            await settled(client.own.ping())
        except exceptions.AuthenticationError as error:
            told = str(error)
        else:
            told = "taken"
    assert "invalid username-password pair" in told, told


@claim
async def no_password_is_an_authentication_error() -> None:
    async with Client(GUARDED_PORT, retry=once()) as client:
        try:
            await settled(client.own.ping())
        except exceptions.AuthenticationError:
            return
    raise AssertionError("no password was needed")


@claim
async def any_database_number_is_taken() -> None:
    for number in (0, 2):
        async with Client(db=number) as client:
            assert await settled(client.own.ping()) is True


@claim
async def a_client_name_is_known_to_the_server() -> None:
    async with Client(client_name="accounts") as client:
        assert await settled(client.own.client_getname()) in ("accounts", b"accounts")
        assert await settled(client.own.client_setname("billing"))
        names = [line["name"] for line in await settled(client.own.client_list())]
        assert "billing" in names, names


@claim
async def health_checks_go_before_everything_else() -> None:
    async with Client(health_check_interval=1) as client:
        assert await settled(client.own.ping()) is True


@claim
async def the_library_names_itself() -> None:
    async with Client() as client:
        own = await settled(client.own.client_id())
        lines = await settled(client.own.client_list())
        (line,) = (line for line in lines if line["id"] == str(own))
        assert line["lib-name"].startswith(LIBRARY), line
        assert line["lib-ver"].startswith(importlib.import_module(LIBRARY).__version__[:3]), line


@claim
async def a_submitted_job_can_be_shown() -> None:
    async with Client() as client:
        job = await client.send("JOB.SUBMIT", "kept", b"[1]", "QUEUE", "shown", "PRIORITY", 7)
        shown = named(await client.send("JOB.SHOW", job))
        assert isinstance(job, int)
        assert (shown[b"id"], shown[b"state"], shown[b"priority"]) == (job, b"ready", 7), shown
        assert (shown[b"key"], shown[b"errors"]) == (None, []), shown


@claim
async def a_call_gives_the_result() -> None:
    async with Client() as client:
        assert await client.send("JOB.CALL", "add", b"[2,3]") == b"5"
        assert await client.send("job.call", "add", "[2,3]", "wait", 10_000) == b"5"


@claim
async def queues_are_listed() -> None:
    async with Client() as client:
        await client.send("JOB.SUBMIT", "kept", b"", "QUEUE", "listed")
        queues = [named(queue) for queue in await client.send("QUEUE.LIST")]
        assert b"listed" in [queue[b"name"] for queue in queues], queues


@claim
async def a_transaction_submits_all_at_once() -> None:
    async with Client() as client:
        pipeline = client.own.pipeline(transaction=True)
        for number in range(5):
            pipeline.execute_command("JOB.SUBMIT", "kept", str(number), "QUEUE", "atomic")
        ids = await settled(pipeline.execute())
        assert ids == list(range(ids[0], ids[0] + 5)), ids


@claim
async def a_spoiled_transaction_submits_nothing() -> None:
    async with Client() as client:
        pipeline = client.own.pipeline()
        pipeline.execute_command("JOB.SUBMIT", "kept", "1", "QUEUE", "spoiled")
        pipeline.execute_command("JOB.SUBMIT", "kept", "2", "QUEUE", "spoiled", "PRIORITY", "-1")
        try:
            await settled(pipeline.execute())
        except exceptions.ResponseError as error:
            told = str(error)
        else:
            told = "carried out"
        assert "PRIORITY" in told, told
        assert (await client.refused("QUEUE.SHOW", "spoiled")).startswith("ResponseError NOQUEUE")


@claim
async def a_pipeline_is_answered_in_order() -> None:
    async with Client() as client:
        pipeline = client.own.pipeline(transaction=False)
        pipeline.execute_command("JOB.CALL", "sleep", "0.05")
        pipeline.execute_command("JOB.CALL", "add", "[1,1]")
        pipeline.execute_command("BOGUS")
        pipeline.execute_command("ECHO", "last")
        slow, quick, bogus, last = await settled(pipeline.execute(raise_on_error=False))
        assert (slow, quick, last) == (b"0.05", b"2", b"last")
        assert isinstance(bogus, exceptions.ResponseError)


@claim
async def bytes_of_all_kinds_pass_unchanged() -> None:
    async with Client() as client:
        assert await client.send("JOB.CALL", "reverse", NASTY) == NASTY[::-1]
        job = await client.send("JOB.SUBMIT", "kept", NASTY, "QUEUE", "nasty")
        assert named(await client.send("JOB.SHOW", job))[b"payload"] == NASTY


@claim
async def text_is_decoded_where_asked() -> None:
    async with Client(decode_responses=True) as client:
        assert await client.send("JOB.CALL", "echo", '"h\u00e4"') == '"h\u00e4"'


@claim
async def refusals_are_response_errors_and_leave_the_connection_usable() -> None:
    async with Client() as client:
        own = await settled(client.own.client_id())
        unknown = await client.refused("NOSUCH", "a")
        assert unknown.startswith("ResponseError unknown command 'NOSUCH'"), unknown
        missing = await client.refused("JOB.SHOW", 2**60)
        assert missing.startswith("ResponseError NOJOB"), missing
        dead = await client.refused("JOB.CALL", "fail", "", "ATTEMPTS", 1)
        assert dead.startswith("ResponseError DEAD job "), dead
        assert "ValueError: asked to fail" in dead, dead
        late = await client.refused("JOB.CALL", "kept", "", "QUEUE", "late", "WAIT", 1)
        assert late.startswith("ResponseError TIMEOUT job "), late
        assert await settled(client.own.client_id()) == own


@claim
async def a_worker_claims_and_completes() -> None:
    async with Client() as submitter, Client(single_connection_client=True) as worker:
        queue = f"claims-{await settled(worker.own.client_id())}"
        assert await worker.send("JOB.CLAIM", queue, "WAIT", 50) == []
        job = await submitter.send("JOB.SUBMIT", "mine", NASTY, "QUEUE", queue)
        ((claimed, attempt, *rest),) = await worker.send("JOB.CLAIM", queue)
        assert (claimed, rest) == (job, [queue.encode(), b"mine", NASTY, 300_000, 0, 0])
        assert await worker.send("JOB.EXTEND", job, attempt) > 0
        assert await worker.send("JOB.COMPLETE", job, attempt, NASTY) in (b"OK", True)
        assert await submitter.send("JOB.WAIT", job) == NASTY


@claim
async def a_waiting_claim_gets_the_job_that_comes() -> None:
    async with Client() as submitter, Client() as worker:
        queue = f"awaited-{await settled(submitter.own.client_id())}"
        await submitter.send("JOB.SUBMIT", "first", "", "QUEUE", queue)
        await worker.send("JOB.CLAIM", queue)
        claiming = ("JOB.CLAIM", queue, "WAIT", "10000")
        async with asyncio.TaskGroup() as tasks:
            if STYLE == "sync":
                waiting = tasks.create_task(
                    asyncio.to_thread(worker.own.execute_command, *claiming)
                )
            else:
                waiting = tasks.create_task(worker.send(*claiming))
            await waiting_claim(submitter, queue)
            job = await submitter.send("JOB.SUBMIT", "awaited", "", "QUEUE", queue)
        ((claimed, *_),) = waiting.result()
        assert claimed == job


async def waiting_claim(client: Client, queue: str) -> None:
    """Ask the server until it knows of a claim that waits."""
    for _ in range(100_000):
        if named(await client.send("QUEUE.SHOW", queue))[b"waiting_claims"]:
            return
        await asyncio.sleep(0)
    raise AssertionError("the claim never came")


def readings(reply: Any) -> dict[bytes, Any]:
    """Return what was read of each stream; versions of the library show it in three ways."""
    if isinstance(reply, dict):
        return {name: _events(found) for name, found in reply.items()}
    return dict(reply)


def _events(found: list[Any]) -> Any:
    return found[0] if found and isinstance(found[0], list) else found


async def until_blocked(client: Client, count: int) -> None:
    """Ask the server until so many clients wait for something."""
    for _ in range(100_000):
        if (await settled(client.own.info("clients")))["blocked_clients"] == count:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"there never were {count} clients that wait")


@claim
async def events_are_appended_and_read() -> None:
    async with Client() as client:
        own = client.own
        stream = f"events-{await settled(own.client_id())}"
        first = await settled(own.xadd(stream, {b"payload": NASTY}))
        second = await settled(own.xadd(stream, {"a": 1, "b": "2"}, maxlen=1000))
        events = [(first, {b"payload": NASTY}), (second, {b"a": b"1", b"b": b"2"})]
        assert readings(await settled(own.xread({stream: 0}))) == {stream.encode(): events}
        assert not await settled(own.xread({stream: "$"}, block=1))
        assert await settled(own.xrange(stream)) == events
        assert await settled(own.xrevrange(stream, count=1)) == events[1:]
        assert await settled(own.xdel(stream, first)) == 1
        assert await settled(own.xlen(stream)) == 1


@claim
async def a_group_shares_events_and_acknowledges_them() -> None:
    async with Client() as client:
        own = client.own
        stream = f"shared-{await settled(own.client_id())}"
        assert await settled(own.xgroup_create(stream, "g", id="0", mkstream=True)) is True
        ids = [await settled(own.xadd(stream, {"n": n})) for n in range(3)]
        for consumer, event in zip(("ann", "bob", "ann"), ids, strict=True):
            reply = await settled(own.xreadgroup("g", consumer, {stream: ">"}, count=1))
            ((found, _),) = readings(reply)[stream.encode()]
            assert found == event
        assert (await settled(own.xpending(stream, "g")))["pending"] == 3
        held = await settled(own.xpending_range(stream, "g", "-", "+", 10, consumername="bob"))
        assert [one["message_id"] for one in held] == [ids[1]], held
        assert await settled(own.xack(stream, "g", *ids[:2])) == 2
        again = readings(await settled(own.xreadgroup("g", "ann", {stream: "0"})))
        assert [event for event, _ in again[stream.encode()]] == [ids[2]]
        claimed = await settled(own.xclaim(stream, "g", "bob", 0, [ids[2]], justid=True))
        assert claimed == [ids[2]], claimed
        taken = await settled(own.xautoclaim(stream, "g", "cid", 0))
        assert taken[:2] == [b"0-0", [(ids[2], {b"n": b"2"})]], taken
        (group,) = await settled(own.xinfo_groups(stream))
        assert (group["name"], group["pending"], group["lag"]) == (b"g", 1, 0), group
        assert (await settled(own.xinfo_stream(stream)))["length"] == 3
        names = [one["name"] for one in await settled(own.xinfo_consumers(stream, "g"))]
        assert names == [b"ann", b"bob", b"cid"], names
        assert await settled(own.xgroup_destroy(stream, "g")) == 1


@claim
async def a_waiting_read_gets_the_event_that_comes() -> None:
    async with Client() as writer, Client() as reader, Client() as consumer:
        stream = f"awaited-{await settled(writer.own.client_id())}"
        await settled(writer.own.xgroup_create(stream, "g", mkstream=True))
        others = (await settled(writer.own.info("clients")))["blocked_clients"]
        waits: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
            (reader.own.xread, ({stream: "$"}, None, 20_000)),
            (consumer.own.xreadgroup, ("g", "ann", {stream: ">"}, 5, 20_000)),
        ]
        async with asyncio.TaskGroup() as tasks:
            reads = [
                tasks.create_task(
                    asyncio.to_thread(method, *arguments) if STYLE == "sync" else method(*arguments)
                )
                for method, arguments in waits
            ]
            await until_blocked(writer, others + len(waits))
            event = await settled(writer.own.xadd(stream, {"n": 1}))
        for read in reads:
            expected = {stream.encode(): [(event, {b"n": b"1"})]}
            assert readings(read.result()) == expected, read.result()


@claim
async def a_transaction_appends_all_at_once() -> None:
    async with Client() as client:
        stream = f"atomic-{await settled(client.own.client_id())}"
        pipeline = client.own.pipeline(transaction=True)
        for number in range(3):
            pipeline.xadd(stream, {"n": number}, id=f"1-{number}")
        assert await settled(pipeline.execute()) == [b"1-0", b"1-1", b"1-2"]
        assert await settled(client.own.exists(stream)) == 1
        assert await settled(client.own.delete(stream)) == 1


@claim
async def info_tells_what_clients_look_for() -> None:
    async with Client() as client:
        info = await settled(client.own.info())
        assert (info["redis_mode"], info["role"], info["loading"]) == ("standalone", "master", 0)
        assert info.get("db0", {"keys": 0})["keys"] == info["streams"]
        assert "jobs_ready" not in await settled(client.own.info("server"))


@claim
async def commands_describe_themselves() -> None:
    async with Client() as client:
        count = await settled(client.own.command_count())
        commands = await settled(client.own.command())
        assert len(commands) == count
        assert commands["job.submit"]["arity"] == -3, commands["job.submit"]


@claim
async def reset_makes_the_connection_new() -> None:
    async with Client(client_name="before") as client, Client() as other:
        own = str(await settled(client.own.client_id()))
        assert await settled(client.own.reset()) in ("RESET", b"RESET")
        lines = {line["id"]: line for line in await settled(other.own.client_list())}
        assert (lines[own]["name"], lines[own]["resp"]) == ("", "2"), lines[own]


@claim
async def quit_is_answered() -> None:
    async with Client(single_connection_client=True) as client:
        assert await client.send("QUIT") in (b"OK", True)


async def outcomes() -> dict[str, str | None]:
    told: dict[str, str | None] = {}
    for name, check in CLAIMS.items():
        try:
            async with asyncio.timeout(20):
                await check()
            told[name] = None
        except Exception:
            told[name] = traceback.format_exc()
    return told


if __name__ == "__main__":
    json.dump(asyncio.run(outcomes()), sys.stdout)
