"""The asynchronous client against servers that follow a script."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from penstock.client import (
    AsyncClient,
    Claim,
    ConnectionLost,
    JobFailed,
    OutcomeUnknown,
    PenstockError,
    Refused,
)
from penstock.config import limits
from penstock.protocol.replies import bulk, encode
from tests.unit.client.scripted import WELCOME, Conversation, Script, ScriptedServer
from tests.unit.client.test_blocking_client import DEAD, SHOWN, answers, hangs_up, refuses

CLAIMED = encode([[5, 1, b"default", b"t", b"[]", 1000]], resp3=True)


def echoes(count: int) -> Script:
    """Greet and answer so many calls with their only argument."""

    def script(talk: Conversation) -> None:
        talk.greet()
        for _ in range(count):
            talk.reply(bulk(talk.read()[2][1:-1]))
        talk.until_hung_up()

    return script


async def _outcome_of(awaitable: Awaitable[object]) -> object:
    try:
        return await awaitable
    except PenstockError as error:
        return error


async def test_a_call_returns_the_result() -> None:
    with ScriptedServer(answers(b"$1\r\n5\r\n")) as server:
        async with AsyncClient(server.address) as client:
            assert await client.call("add", 2, 3) == 5


async def test_a_submission_returns_a_job_that_can_be_waited_for() -> None:
    shown = encode({**SHOWN, "errors": []}, resp3=True)
    with ScriptedServer(answers(b":17\r\n", b"$1\r\n5\r\n", shown)) as server:
        async with AsyncClient(server.address) as client:
            job = await client.submit("add", 2, 3)
            assert repr(job) == "<job 17>"
            assert await job.result() == 5
            assert (await job.show()).id == 17


async def test_a_unix_socket_serves_as_well(tmp_path: Path) -> None:
    with ScriptedServer(answers(b"$1\r\n5\r\n"), path=tmp_path / "s") as server:
        async with AsyncClient(server.address) as client:
            assert await client.call("add", 2, 3) == 5


def test_asyncios_own_loop_serves_as_well() -> None:
    async def main(address: str) -> object:
        async with AsyncClient(address) as client:
            return await client.call("add", 2, 3)

    with ScriptedServer(answers(b"$1\r\n5\r\n")) as server:
        assert asyncio.run(main(server.address)) == 5


async def test_each_of_a_thousand_tasks_gets_its_own_reply() -> None:
    count = 1_000
    results: dict[int, object] = {}
    with ScriptedServer(echoes(count)) as server:
        async with AsyncClient(server.address) as client:

            async def work(number: int) -> None:
                results[number] = await client.call("echo", number)

            async with asyncio.TaskGroup() as tasks:
                for number in range(count):
                    tasks.create_task(work(number))
    assert results == {number: number for number in range(count)}


async def test_tasks_beyond_the_limit_wait_for_room() -> None:
    count = limits.CLIENT_REQUESTS_MAX + 500
    release = threading.Event()
    most = 0

    def script(talk: Conversation) -> None:
        nonlocal most
        talk.greet().read_all(limits.CLIENT_REQUESTS_MAX)
        release.wait()
        talk.reply(b":1\r\n" * limits.CLIENT_REQUESTS_MAX)
        talk.read_all(500)
        talk.reply(b":1\r\n" * 500)

    ids: list[int] = []
    with ScriptedServer(script) as server:
        async with AsyncClient(server.address) as client:

            async def work() -> None:
                ids.append((await client.submit("t")).id)

            async with asyncio.TaskGroup() as tasks:
                for _ in range(count):
                    tasks.create_task(work())
                gone = tasks.create_task(work())
                await asyncio.sleep(0)
                gone.cancel()
                release.set()
    assert len(ids) == count


async def test_a_cancelled_call_keeps_the_order_of_the_others() -> None:
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()

    def script(talk: Conversation) -> None:
        talk.greet().read_all(3)
        loop.call_soon_threadsafe(heard.set)
        talk.read()
        talk.reply(b"$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n")

    results: list[object] = []
    with ScriptedServer(script) as server:
        async with AsyncClient(server.address) as client:

            async def work() -> None:
                results.append(await client.call("t"))

            async with asyncio.TaskGroup() as tasks:
                calls = [tasks.create_task(work()) for _ in range(3)]
                await heard.wait()
                calls[1].cancel()
                tasks.create_task(work())
    assert results == [0, 2, 3]


async def test_the_callers_of_a_lost_connection_notice_nothing() -> None:
    def first(talk: Conversation) -> None:
        talk.greet().read_all(2)
        talk.reply(b"$1\r\n0\r\n")

    def second(talk: Conversation) -> None:
        assert [request[2] for request in talk.greet().read_all(1)] == [b"[1]"]
        talk.reply(b"$1\r\n1\r\n")
        talk.until_hung_up()

    results: list[object] = []
    with ScriptedServer(first, second) as server:
        async with AsyncClient(server.address) as client:

            async def work(number: int) -> None:
                results.append(await client.call("t", number))

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(work(0))
                tasks.create_task(work(1))
    assert results == [0, 1]


async def test_a_connection_lost_while_idle_is_opened_when_it_is_wanted() -> None:
    def first(talk: Conversation) -> None:
        talk.greet().read()
        talk.reply(b":1\r\n")

    with ScriptedServer(first, answers(b":2\r\n")) as server:
        async with AsyncClient(server.address) as client:
            assert (await client.submit("t")).id == 1
            assert (await client.submit("t")).id == 2


async def test_a_server_that_does_not_come_back_is_given_up() -> None:
    with ScriptedServer(hangs_up) as server:
        async with AsyncClient(server.address, retry_ms=100) as client:
            with pytest.raises(OutcomeUnknown, match="no server answers") as caught:
                await client.options(key="mine").submit("t")
            with pytest.raises(ConnectionLost):
                await client.queues()
    assert caught.value.key == "mine"


async def test_a_wrong_address_shows_at_once() -> None:
    with pytest.raises(ConnectionLost, match="penstock serve"):
        async with AsyncClient("unix:/nowhere/at/all"):
            pass


async def test_a_wrong_password_shows_at_once() -> None:
    with ScriptedServer(refuses) as server, pytest.raises(Refused, match="WRONGPASS"):
        async with AsyncClient(server.address, password="guess"):
            pass


async def test_garbage_instead_of_replies_loses_the_connection() -> None:
    def first(talk: Conversation) -> None:
        talk.greet().read()
        talk.reply(b"garbage\r\n")
        talk.until_hung_up()

    with ScriptedServer(first, answers(b":2\r\n")) as server:
        async with AsyncClient(server.address) as client:
            assert (await client.submit("t")).id == 2


async def test_a_draining_server_is_asked_again() -> None:
    with ScriptedServer(answers(b"-DRAINING later\r\n", b":2\r\n")) as server:
        async with AsyncClient(server.address) as client:
            assert (await client.submit("t")).id == 2


async def test_a_job_that_failed_brings_its_traceback() -> None:
    with ScriptedServer(answers(DEAD, encode(SHOWN, resp3=True))) as server:
        async with AsyncClient(server.address) as client:
            with pytest.raises(JobFailed) as caught:
                await client.call("t")
    assert caught.value.traceback == "ValueError: boom\nTraceback ..."


async def test_a_job_that_failed_and_is_gone_has_no_traceback() -> None:
    with ScriptedServer(answers(DEAD, b"-NOJOB gone\r\n")) as server:
        async with AsyncClient(server.address) as client:
            with pytest.raises(JobFailed) as caught:
                await client.call("t")
    assert caught.value.traceback == ""


async def test_a_failure_is_not_held_up_by_calls_that_wait() -> None:
    failed = threading.Event()

    def script(talk: Conversation) -> None:
        talk.greet().read_all(2)
        talk.reply(DEAD)
        failed.wait()
        talk.reply(b"$1\r\n5\r\n")
        talk.until_hung_up()

    with ScriptedServer(script) as server:
        async with AsyncClient(server.address) as client, asyncio.TaskGroup() as tasks:
            bad = tasks.create_task(_outcome_of(client.call("bad")))
            slow = tasks.create_task(client.call("slow"))
            error = await bad
            failed.set()
            assert await slow == 5
    assert isinstance(error, JobFailed)
    assert error.traceback == ""


Ask = Callable[[AsyncClient], Awaitable[object]]

VERBS: list[tuple[Ask, list[bytes]]] = [
    (lambda c: c.submit_raw("t", b"\0"), [b"JOB.SUBMIT", b"t", b"\0"]),
    (lambda c: c.call_raw("t", b"\0"), [b"JOB.CALL", b"t", b"\0"]),
    (lambda c: c.wait(7, wait_ms=5), [b"JOB.WAIT", b"7", b"WAIT", b"5"]),
    (lambda c: c.wait_raw(7), [b"JOB.WAIT", b"7"]),
    (lambda c: c.show(7), [b"JOB.SHOW", b"7"]),
    (lambda c: c.queues(), [b"QUEUE.LIST"]),
    (lambda c: c.queue("q"), [b"QUEUE.SHOW", b"q"]),
    (lambda c: c.execute("PING", b"x", 5), [b"PING", b"x", b"5"]),
    (
        lambda c: c.claim(["a", "b"], count=3, wait_ms=0),
        [b"JOB.CLAIM", b"a", b"b", b"COUNT", b"3", b"WAIT", b"0"],
    ),
    (lambda c: c.complete(7, 2, b"5"), [b"JOB.COMPLETE", b"7", b"2", b"5"]),
    (lambda c: c.fail(7, 2, "E: x"), [b"JOB.FAIL", b"7", b"2", b"E: x"]),
    (lambda c: c.fail(7, 2, "E: x", dead=True), [b"JOB.FAIL", b"7", b"2", b"E: x", b"DEAD"]),
    (lambda c: c.extend(7, 2), [b"JOB.EXTEND", b"7", b"2"]),
    (lambda c: c.extend(7, 2, 500), [b"JOB.EXTEND", b"7", b"2", b"500"]),
    (lambda c: c.release(7, 2), [b"JOB.RELEASE", b"7", b"2"]),
]


@pytest.mark.parametrize(("ask", "expected"), VERBS)
async def test_each_verb_is_one_command(ask: Ask, expected: list[bytes]) -> None:
    heard: list[list[bytes]] = []

    def script(talk: Conversation) -> None:
        heard.append(talk.greet().read())
        talk.reply(b"-ERR seen\r\n")
        talk.until_hung_up()

    with ScriptedServer(script) as server:
        async with AsyncClient(server.address) as client:
            with pytest.raises(Refused, match="seen"):
                await ask(client.options(key=None))
    assert heard == [expected]


async def test_a_worker_by_hand_claims_and_completes() -> None:
    with ScriptedServer(answers(CLAIMED, b"+OK\r\n", b":5000\r\n")) as server:
        async with AsyncClient(server.address) as client:
            (claim,) = await client.claim(["default"])
            assert claim == Claim(5, 1, "default", "t", b"[]", 1000)
            await client.complete(claim.id, claim.attempt, b"1")
            assert await client.extend(claim.id, claim.attempt) == 5000


async def test_jobs_that_a_cancelled_claim_took_are_released() -> None:
    heard = asyncio.Event()
    cancelled = threading.Event()
    loop = asyncio.get_running_loop()
    released = asyncio.Event()

    def script(talk: Conversation) -> None:
        talk.greet().read()
        loop.call_soon_threadsafe(heard.set)
        cancelled.wait()
        talk.reply(CLAIMED)
        assert talk.read() == [b"JOB.RELEASE", b"5", b"1"]
        talk.reply(b"+OK\r\n")
        loop.call_soon_threadsafe(released.set)
        talk.until_hung_up()

    with ScriptedServer(script) as server:
        async with AsyncClient(server.address) as client, asyncio.TaskGroup() as tasks:
            claiming = tasks.create_task(client.claim(["default"]))
            await heard.wait()
            claiming.cancel()
            await asyncio.wait([claiming])
            cancelled.set()
            await released.wait()


async def test_jobs_that_arrive_in_the_moment_of_cancelling_are_released() -> None:
    def script(talk: Conversation) -> None:
        talk.greet().read_all(2)
        talk.reply(b":1\r\n" + CLAIMED)
        assert talk.read() == [b"JOB.RELEASE", b"5", b"1"]
        talk.reply(b"+OK\r\n")
        talk.until_hung_up()

    with ScriptedServer(script) as server:
        async with AsyncClient(server.address) as client, asyncio.TaskGroup() as tasks:
            claiming: asyncio.Task[list[Claim]]

            async def cancel_when_answered() -> None:
                # Both replies are in one piece, and this task is the first that they wake.
                await client.submit("t")
                claiming.cancel()

            tasks.create_task(cancel_when_answered())
            claiming = tasks.create_task(client.claim(["default"]))
            await asyncio.wait([claiming])
            assert claiming.cancelled()


async def test_an_error_in_the_block_passes_as_it_is() -> None:
    with ScriptedServer(answers()) as server, pytest.raises(ZeroDivisionError):
        async with AsyncClient(server.address):
            _ = 1 / 0


async def test_cancelling_the_block_passes() -> None:
    with ScriptedServer(answers()) as server, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), AsyncClient(server.address):
            await asyncio.Event().wait()


async def test_closing_fails_what_is_unanswered() -> None:
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()

    def script(talk: Conversation) -> None:
        talk.greet().read()
        loop.call_soon_threadsafe(heard.set)
        talk.until_hung_up()

    with ScriptedServer(script) as server:
        async with asyncio.TaskGroup() as tasks:
            async with AsyncClient(server.address) as client:
                call = tasks.create_task(_outcome_of(client.call("slow")))
                await heard.wait()
            error = await call
        assert isinstance(error, OutcomeUnknown)
        assert "closed" in str(error)
        with pytest.raises(ConnectionLost, match="closed"):
            await client.call("again")


async def test_a_client_is_used_within_its_block() -> None:
    with ScriptedServer(answers()) as server:
        client = AsyncClient(server.address)
        with pytest.raises(ConnectionLost, match="use it with `async with`"):
            await client.queues()
        async with client:
            pass
        with pytest.raises(ConnectionLost, match="make another one"):
            await client.__aenter__()


async def test_closing_while_there_is_no_server_ends_the_waiting() -> None:
    with ScriptedServer(hangs_up) as server:
        async with asyncio.TaskGroup() as tasks:
            async with AsyncClient(server.address) as client:
                call = tasks.create_task(_outcome_of(client.options(key=None).call("t")))
                assert isinstance(await call, OutcomeUnknown)
                other = tasks.create_task(_outcome_of(client.call("t")))
                await asyncio.sleep(0)
            assert isinstance(await other, ConnectionLost)


async def test_a_given_socket_is_all_there_is() -> None:
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs:
            talk = Conversation(theirs)
            talk.greet().read()
            talk.reply(b":1\r\n")
            talk.read()

    thread = threading.Thread(target=serve)
    thread.start()
    async with AsyncClient.from_socket(ours, name="w") as client:
        assert (await client.submit("t")).id == 1
        with pytest.raises(OutcomeUnknown):
            await client.submit("t")
        with pytest.raises(ConnectionLost):
            await client.submit("t")
    thread.join()


async def test_whoever_claimed_a_job_hears_that_it_is_to_stop_after_the_claim() -> None:
    push = b">3\r\n$6\r\ncancel\r\n:5\r\n:1\r\n"
    heard: list[object] = []
    told = asyncio.Event()

    def on_cancel(job_id: int, attempt: int) -> None:
        heard.append((job_id, attempt))
        told.set()

    with ScriptedServer(answers(CLAIMED + push)) as server:
        async with AsyncClient(server.address, on_cancel=on_cancel) as client:
            heard += await client.claim(["default"])
            await told.wait()

    claim = heard[0]
    assert isinstance(claim, Claim)
    assert heard == [claim, (claim.id, claim.attempt)]


async def test_a_given_tcp_socket_serves_as_well() -> None:
    with ScriptedServer(answers(b":1\r\n")) as server:
        host, _, port = server.address.rpartition(":")
        sock = socket.create_connection((host, int(port)))
        async with AsyncClient.from_socket(sock) as client:
            assert (await client.submit("t")).id == 1


async def test_requests_of_one_turn_leave_in_one_write() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()

    async def serve() -> bytes:
        await loop.sock_recv(theirs, 4096)
        await loop.sock_sendall(theirs, WELCOME)
        return await loop.sock_recv(theirs, 1 << 20)

    with theirs:
        async with asyncio.TaskGroup() as tasks:
            first_piece = tasks.create_task(serve())
            async with AsyncClient.from_socket(ours) as client:
                calls = [tasks.create_task(_outcome_of(client.submit("t", n))) for n in range(50)]
                assert (await first_piece).count(b"JOB.SUBMIT") == len(calls)


async def test_a_client_that_never_tries_again_connects_anew_with_the_next_request() -> None:
    with ScriptedServer(hangs_up, echoes(2)) as server:
        async with AsyncClient(server.address, retry_ms=0) as client:
            assert isinstance(await _outcome_of(client.call("t", 1)), OutcomeUnknown)
            async with asyncio.TaskGroup() as tasks:
                calls = [tasks.create_task(client.call("t", n)) for n in range(2)]
            assert [call.result() for call in calls] == [0, 1]


async def test_a_client_that_never_tries_again_says_that_nobody_answers() -> None:
    with ScriptedServer(hangs_up) as server:
        async with AsyncClient(server.address, retry_ms=0) as client:
            assert isinstance(await _outcome_of(client.call("t", 1)), OutcomeUnknown)
            with pytest.raises(ConnectionLost, match="no server answers"):
                await client.call("t", 1)
