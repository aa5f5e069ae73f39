"""The blocking client against servers that follow a script."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.client import (
    Client,
    ConnectionLost,
    Job,
    JobFailed,
    OutcomeUnknown,
    Refused,
    WaitTimeout,
)
from penstock.config import limits
from penstock.protocol.replies import Value, bulk, encode
from tests.unit.client.scripted import Conversation, Script, ScriptedServer

SHOWN: dict[str, Value] = {
    "id": 17,
    "queue": "default",
    "task": "t",
    "state": "dead",
    "priority": 1000,
    "attempt": 1,
    "failures": 1,
    "attempts_max": 1,
    "timeout_ms": 1000,
    "submitted_at": 5,
    "due_at": 5,
    "errors": [
        {
            "attempt": 1,
            "worker": "w",
            "claimed_at": 6,
            "failed_at": 7,
            "error": "ValueError: boom\nTraceback ...",
        }
    ],
}
DEAD = b"-DEAD job 17 failed 1 of 1 attempts: ValueError: boom\r\n"


def answers(*replies: bytes) -> Script:
    """Greet, answer each request with the next reply, and hang up when the client does."""

    def script(talk: Conversation) -> None:
        talk.greet()
        for reply in replies:
            talk.read()
            talk.reply(reply)
        talk.until_hung_up()

    return script


def hangs_up(talk: Conversation) -> None:
    """Greet, take one request and hang up."""
    talk.greet().read()


def refuses(talk: Conversation) -> None:
    talk.read()
    talk.reply(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")
    talk.until_hung_up()


def test_a_call_returns_the_result() -> None:
    with ScriptedServer(answers(b"$1\r\n5\r\n")) as server, Client(server.address) as client:
        assert client.call("add", 2, 3) == 5


def test_a_submission_returns_a_job_that_can_be_waited_for() -> None:
    with (
        ScriptedServer(answers(b":17\r\n", b"$1\r\n5\r\n")) as server,
        Client(server.address) as client,
    ):
        job = client.submit("add", 2, 3)
        assert isinstance(job, Job)
        assert repr(job) == "<job 17>"
        assert job.result() == 5


def test_a_unix_socket_serves_as_well(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with (
        ScriptedServer(answers(b"$1\r\n5\r\n"), path=path) as server,
        Client(server.address) as client,
    ):
        assert client.call("add", 2, 3) == 5


def test_a_client_connects_with_its_first_request() -> None:
    with ScriptedServer(answers(b":1\r\n")) as server:
        client = Client(server.address)
        assert client.submit("t").id == 1
        client.close()


def test_the_caller_of_a_lost_connection_notices_nothing() -> None:
    heard: list[list[bytes]] = []

    def first(talk: Conversation) -> None:
        heard.append(talk.greet().read())

    def second(talk: Conversation) -> None:
        heard.append(talk.greet().read())
        talk.reply(b"$1\r\n5\r\n")

    with ScriptedServer(first, second) as server, Client(server.address) as client:
        assert client.call("add", 2, 3) == 5
    assert heard[0] == heard[1]


def test_a_server_that_left_meanwhile_costs_nothing() -> None:
    left = threading.Event()

    def first(talk: Conversation) -> None:
        talk.greet().read()
        talk.reply(b":1\r\n")
        talk.hang_up()
        left.set()

    def second(talk: Conversation) -> None:
        talk.greet().read()
        talk.reply(b":2\r\n")

    with ScriptedServer(first, second) as server:
        client = Client(server.address).options(key=None)
        assert client.submit("t").id == 1
        left.wait()
        assert client.submit("t").id == 2
        client.close()


def test_a_submission_without_a_key_is_in_doubt_after_a_loss() -> None:
    with (
        ScriptedServer(hangs_up) as server,
        Client(server.address) as client,
        pytest.raises(OutcomeUnknown),
    ):
        client.options(key=None).submit("t")


def test_a_server_that_does_not_come_back_is_given_up() -> None:
    with (
        ScriptedServer(hangs_up) as server,
        Client(server.address, retry_ms=100) as client,
        pytest.raises(OutcomeUnknown, match="Connection refused") as caught,
    ):
        client.options(key="mine").submit("t")
    assert caught.value.key == "mine"


def test_a_wrong_address_shows_at_once() -> None:
    client = Client("unix:/nowhere/at/all")
    with pytest.raises(ConnectionLost, match=r"unix:/nowhere/at/all.*penstock serve"):
        client.queues()


def test_a_wrong_password_shows_at_once() -> None:
    with (
        ScriptedServer(refuses) as server,
        pytest.raises(Refused, match="WRONGPASS"),
        Client(server.address, password="guess"),
    ):
        pass


def test_a_password_that_changed_meanwhile_is_refused_at_once() -> None:
    def first(talk: Conversation) -> None:
        talk.greet().read()

    with (
        ScriptedServer(first, refuses) as server,
        Client(server.address, password="old") as client,
        pytest.raises(Refused, match="WRONGPASS"),
    ):
        client.queues()


def test_something_else_behind_the_address_is_named() -> None:
    def script(talk: Conversation) -> None:
        talk.read()
        talk.reply(b"-ERR unknown command 'HELLO'\r\n")
        talk.until_hung_up()

    with (
        ScriptedServer(script) as server,
        pytest.raises(ConnectionLost, match="unknown command"),
        Client(server.address),
    ):
        pass


def test_a_job_that_failed_brings_its_traceback() -> None:
    replies = (DEAD, encode(SHOWN, resp3=True))
    with (
        ScriptedServer(answers(*replies)) as server,
        Client(server.address) as client,
        pytest.raises(JobFailed) as caught,
    ):
        client.call("t")
    error = caught.value
    assert str(error) == "job 17 failed 1 of 1 attempts: ValueError: boom"
    assert (error.job_id, error.type, error.message) == (17, "ValueError", "boom")
    assert error.traceback == "ValueError: boom\nTraceback ..."


def test_a_job_that_failed_and_is_gone_has_no_traceback() -> None:
    with (
        ScriptedServer(answers(DEAD, b"-NOJOB gone\r\n")) as server,
        Client(server.address) as client,
        pytest.raises(JobFailed) as caught,
    ):
        client.call("t")
    assert caught.value.traceback == ""


def test_a_wait_that_ended_names_the_job() -> None:
    reply = b"-TIMEOUT job 17 did not finish within 5 ms; JOB.WAIT 17 waits on\r\n"
    with (
        ScriptedServer(answers(reply)) as server,
        Client(server.address) as client,
        pytest.raises(WaitTimeout) as caught,
    ):
        client.options(wait_ms=5).call("t")
    assert caught.value.job_id == 17


Ask = Callable[[Client], object]

VERBS: list[tuple[Ask, list[bytes]]] = [
    (lambda c: c.submit_raw("t", b"\0"), [b"JOB.SUBMIT", b"t", b"\0"]),
    (lambda c: c.call_raw("t", b"\0"), [b"JOB.CALL", b"t", b"\0"]),
    (lambda c: c.wait(7), [b"JOB.WAIT", b"7"]),
    (lambda c: c.wait(7, wait_ms=5), [b"JOB.WAIT", b"7", b"WAIT", b"5"]),
    (lambda c: c.options(wait_ms=9).wait_raw(7), [b"JOB.WAIT", b"7", b"WAIT", b"9"]),
    (lambda c: c.show(7), [b"JOB.SHOW", b"7"]),
    (lambda c: c.queues(), [b"QUEUE.LIST"]),
    (lambda c: c.queue("q"), [b"QUEUE.SHOW", b"q"]),
    (lambda c: c.execute("PING", b"x", 5), [b"PING", b"x", b"5"]),
]


@pytest.mark.parametrize(("ask", "expected"), VERBS)
def test_each_verb_is_one_command(ask: Ask, expected: list[bytes]) -> None:
    heard: list[list[bytes]] = []

    def script(talk: Conversation) -> None:
        heard.append(talk.greet().read())
        talk.reply(b"-ERR seen\r\n")

    with ScriptedServer(script) as server, Client(server.address) as client:
        with pytest.raises(Refused, match="seen"):
            ask(client.options(key=None))
        client.close()
    assert heard == [expected]


def test_a_closed_client_stays_closed() -> None:
    with ScriptedServer(answers()) as server:
        with Client(server.address) as client:
            copy = client.options(priority=1)
        with pytest.raises(ConnectionLost, match="closed"):
            copy.submit("t")


def test_what_a_server_said_before_it_hung_up_is_heard() -> None:
    def script(talk: Conversation) -> None:
        talk.greet().read_some()
        talk.reply(b"-ERR Protocol error: too much\r\n")
        talk.hang_up()

    with (
        ScriptedServer(script) as server,
        Client(server.address) as client,
        pytest.raises(Refused, match="too much"),
    ):
        client.options(key=None).submit_raw("t", bytes(4_000_000))


def test_an_interrupted_call_leaves_no_reply_for_the_next() -> None:
    def first(talk: Conversation) -> None:
        talk.greet().read()
        os.kill(os.getpid(), signal.SIGINT)
        talk.until_hung_up()

    with ScriptedServer(first, answers(b":2\r\n")) as server, Client(server.address) as client:
        with pytest.raises(KeyboardInterrupt):
            client.call("slow")
        assert client.submit("quick").id == 2


def test_threads_take_turns() -> None:
    threads_count, calls_count = 4, 25

    def script(talk: Conversation) -> None:
        talk.greet()
        for _ in range(threads_count * calls_count):
            _, _, payload, *_ = talk.read()
            talk.reply(bulk(payload[1:-1]))

    wrong: list[int] = []
    with ScriptedServer(script) as server, Client(server.address) as client:

        def work(offset: int) -> None:
            numbers = range(offset * calls_count, (offset + 1) * calls_count)
            wrong.extend(n for n in numbers if client.call("echo", n) != n)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(threads_count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_forked_process_takes_a_connection_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    forked = threading.Event()

    def parent(talk: Conversation) -> None:
        talk.greet().read()
        talk.reply(b":1\r\n")
        forked.wait()

    with ScriptedServer(parent, answers(b":2\r\n")) as server:
        client = Client(server.address)
        assert client.submit("t").id == 1
        monkeypatch.setattr(os, "getpid", lambda: -1)
        forked.set()
        assert client.submit("t").id == 2
        client.close()


def test_a_peer_that_answers_while_it_is_written_to_does_not_block_us() -> None:
    count, size = 64, 200_000

    def script(talk: Conversation) -> None:
        talk.greet()
        for _ in range(count):
            talk.reply(bulk(talk.read()[2]))

    payloads = [bytes([n]) * size for n in range(count)]
    with ScriptedServer(script) as server, Client(server.address) as client:
        with client.pipeline() as pipeline:
            echoes = [pipeline.call_raw("echo", payload) for payload in payloads]
        assert [echo.value for echo in echoes] == payloads


# --- pipelines -----------------------------------------------------------------------------------


def test_a_pipeline_has_its_results_in_the_order_of_requests() -> None:
    def script(talk: Conversation) -> None:
        talk.greet().read_all(4)
        talk.reply(b"$1\r\n1\r\n:2\r\n$1\r\n3\r\n:4\r\n")

    with ScriptedServer(script) as server, Client(server.address) as client:
        with client.pipeline() as pipeline:
            call = pipeline.call("a")
            job = pipeline.submit("b")
            raw = pipeline.call_raw("c", b"x")
            raw_job = pipeline.submit_raw("d", b"x")
        assert (call.value, job.value.id, raw.value, raw_job.value.id) == (1, 2, b"3", 4)


def test_a_pipeline_asks_all_that_a_client_asks() -> None:
    seven = encode({**SHOWN, "id": 7}, resp3=True)
    queue: dict[str, Value] = {
        "name": "q",
        "ready": 0,
        "scheduled": 0,
        "claimed": 0,
        "completed": 0,
        "dead": 0,
    }

    def script(talk: Conversation) -> None:
        talk.greet().read_all(6)
        talk.reply(b"$1\r\n1\r\n$1\r\n2\r\n", seven, encode([queue], True), encode(queue, True))
        talk.reply(b"+PONG\r\n")

    with ScriptedServer(script) as server, Client(server.address) as client:
        with client.pipeline() as pipeline:
            asked = (pipeline.wait(1), pipeline.wait_raw(2))
            shown, queues, one = pipeline.show(7), pipeline.queues(), pipeline.queue("q")
            pong = pipeline.execute("PING")
        assert [pending.value for pending in asked] == [1, b"2"]
        assert shown.value.id == 7
        assert queues.value == [one.value]
        assert pong.value == "PONG"


def test_a_failed_request_of_a_pipeline_is_raised_and_spares_the_others() -> None:
    def script(talk: Conversation) -> None:
        talk.greet().read_all(4)
        talk.reply(b"$1\r\n1\r\n", DEAD, b"-KEYREUSED no\r\n", b"$1\r\n4\r\n")
        talk.read()
        talk.reply(encode(SHOWN, resp3=True))

    with ScriptedServer(script) as server, Client(server.address) as client:
        with pytest.raises(JobFailed) as caught, client.pipeline() as pipeline:
            calls = [pipeline.call("t") for _ in range(4)]
        assert caught.value.__notes__[0].startswith("2 of the pipeline's 4 requests failed")
        assert caught.value.traceback.endswith("Traceback ...")
        assert [type(call.error) for call in calls] == [
            type(None),
            JobFailed,
            Refused,
            type(None),
        ]
        assert calls[3].value == 4
        with pytest.raises(Refused):
            _ = calls[2].value


def test_an_error_in_the_block_sends_nothing() -> None:
    with ScriptedServer(answers()) as server, Client(server.address) as client:
        pipeline = client.pipeline()
        with contextlib.suppress(ZeroDivisionError), pipeline:
            pending = pipeline.submit("t")
            _ = 1 / 0
        with pytest.raises(RuntimeError, match="at the end of its `with` block"):
            _ = pending.value


def test_a_long_pipeline_is_sent_piece_by_piece() -> None:
    count = 2 * limits.CLIENT_PIPELINE_REQUESTS_MAX + 1

    def script(talk: Conversation) -> None:
        talk.greet()
        for number in range(count):
            talk.read()
            talk.reply(b":%d\r\n" % (number + 1))

    with ScriptedServer(script) as server, Client(server.address) as client:
        with client.pipeline() as pipeline:
            jobs = [pipeline.submit("t", n) for n in range(count)]
            assert jobs[0].value.id == 1
        assert [job.value.id for job in jobs] == list(range(1, count + 1))


def test_a_pipeline_that_lost_its_connection_sends_the_rest_again() -> None:
    def first(talk: Conversation) -> None:
        talk.greet().read_all(3)
        talk.reply(b":1\r\n")

    def second(talk: Conversation) -> None:
        assert [request[2] for request in talk.greet().read_all(2)] == [b"[1]", b"[2]"]
        talk.reply(b":2\r\n:3\r\n")

    with ScriptedServer(first, second) as server, Client(server.address) as client:
        with client.pipeline() as pipeline:
            jobs = [pipeline.submit("t", n) for n in range(3)]
        assert [job.value.id for job in jobs] == [1, 2, 3]


def test_a_client_that_never_tries_again_connects_anew_with_the_next_request() -> None:
    with (
        ScriptedServer(hangs_up, answers(b":2\r\n")) as server,
        Client(server.address, retry_ms=0) as client,
    ):
        with pytest.raises(OutcomeUnknown):
            client.submit("t")
        assert client.submit("t").id == 2


def test_a_client_that_never_tries_again_notices_a_server_that_left_before_it_asks() -> None:
    left = threading.Event()

    def leaves(talk: Conversation) -> None:
        talk.greet()
        talk.hang_up()
        left.set()

    with (
        ScriptedServer(leaves, answers(b":2\r\n")) as server,
        Client(server.address, retry_ms=0) as client,
    ):
        assert left.wait(10)
        assert client.submit("t").id == 2


def test_a_client_that_never_tries_again_says_that_nobody_answers() -> None:
    with (
        ScriptedServer(hangs_up) as server,
        Client(server.address, retry_ms=0) as client,
    ):
        with pytest.raises(OutcomeUnknown):
            client.submit("t")
        with pytest.raises(ConnectionLost, match="no server answers"):
            client.submit("t")
