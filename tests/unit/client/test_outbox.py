"""The outbox behind a client: what it does about each answer, about a mark, and at its end."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.client import (
    Client,
    Entry,
    EntryState,
    Job,
    NotAcknowledged,
    Outbox,
    OutboxFull,
    OutboxUnusable,
    Refused,
)
from penstock.client.outbox_job import OutboxJob
from penstock.config import limits
from penstock.loadtest.processes import free_port
from tests.unit.client.failing_disk import fail_at_commit
from tests.unit.client.scripted import Conversation, HungUp, Script, ScriptedServer

WAIT_MS = 20_000
NO = b"-TOOLARGE the payload is too large\r\n"
FULL = b"-QUEUEFULL the queue is full; try again in about 5 ms\r\n"
BUSY = b"-OVERLOADED too much waits to be written\r\n"


def replies(*answers: bytes) -> Script:
    """Answer the first requests as told, then hang up as the client does."""

    def script(talk: Conversation) -> None:
        talk.greet()
        for answer in answers:
            talk.read()
            talk.reply(answer)
        talk.until_hung_up()

    return script


def accepts_all(heard: list[list[bytes]]) -> Script:
    def script(talk: Conversation) -> None:
        talk.greet()
        try:
            while True:
                heard.append(talk.read())
                talk.reply(b":%d\r\n" % len(heard))
        except HungUp:
            return

    return script


def breaks(count: int) -> Script:
    """Take requests, and hang up without a word about them."""

    def script(talk: Conversation) -> None:
        talk.greet()
        talk.read_all(count)

    return script


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.outbox"


@pytest.fixture
def nobody() -> str:
    """An address where no server listens."""
    return f"127.0.0.1:{free_port()}"


def outbox_job(job: Job[bytes]) -> OutboxJob[bytes]:
    assert isinstance(job, OutboxJob)
    return job


def submitted(client: Client, payload: bytes = b"x") -> OutboxJob[bytes]:
    return outbox_job(client.submit_raw("t", payload))


# --- submitting ----------------------------------------------------------------------------------


def test_submitting_needs_no_server(nobody: str, path: Path) -> None:
    with Client(nobody, outbox=path) as client:
        job = submitted(client)

        assert (job.id, job.state) == (None, EntryState.PENDING)
        (entry,) = client.outbox.pending()
        assert (entry.id, entry.key) == (job.entry_id, job.key)


def test_an_acknowledged_submission_is_a_job(path: Path) -> None:
    with (
        ScriptedServer(replies(b":17\r\n")) as server,
        Client(server.address, outbox=path) as client,
    ):
        job = submitted(client)

        assert job.wait_acknowledged(WAIT_MS) == 17
        assert (job.id, job.state, repr(job)) == (17, EntryState.ACKNOWLEDGED, "<job 17>")
        assert [entry.job_id for entry in client.outbox.acknowledged()] == [17]


def test_a_wait_that_ends_first_says_that_it_is_still_sent(nobody: str, path: Path) -> None:
    with Client(nobody, outbox=path) as client:
        job = submitted(client)

        with pytest.raises(NotAcknowledged, match=r"entry 1 of the outbox .*; it stays there"):
            job.wait_acknowledged(0)
        with pytest.raises(NotAcknowledged):
            job.result(0)


def test_the_submissions_of_a_pipeline_are_entries_before_its_calls_are_sent(
    nobody: str, path: Path
) -> None:
    with Client(nobody, outbox=path) as client:
        with client.pipeline() as pipeline:
            pending = [pipeline.submit("t", n) for n in range(3)]

        assert [job.value.id for job in pending] == [None] * 3
        payloads = [client.outbox.command(entry.id) for entry in client.outbox.pending()]
        assert [command and command[2] for command in payloads] == [b"[0]", b"[1]", b"[2]"]


def test_a_pipeline_that_does_not_fit_leaves_nothing_in_the_outbox(nobody: str, path: Path) -> None:
    outbox = Outbox(path, entries_max=2, when_full="refuse")
    with Client(nobody, outbox=outbox) as client:
        with pytest.raises(OutboxFull), client.pipeline() as pipeline:
            pending = [pipeline.submit("t", n) for n in range(3)]

        assert all(isinstance(job.error, OutboxFull) for job in pending)
        assert client.outbox.status().pending == 0


def test_a_submission_without_a_key_is_not_taken(nobody: str, path: Path) -> None:
    with Client(nobody, outbox=path) as client, pytest.raises(ValueError, match="needs a key"):
        client.options(key=None).submit("t")


def test_a_client_without_an_outbox_says_so() -> None:
    with pytest.raises(RuntimeError, match=r'Client\(outbox="path"\)'):
        Client().outbox.status()


def test_an_outbox_belongs_to_one_client(path: Path) -> None:
    outbox = Outbox(path)
    Client(outbox=outbox)

    with pytest.raises(ValueError, match="belongs to another client"):
        Client(outbox=outbox)


# --- sending -------------------------------------------------------------------------------------


def test_entries_of_an_earlier_process_are_sent_in_order(nobody: str, path: Path) -> None:
    with Client(nobody, outbox=path) as client:
        for number in range(5):
            submitted(client, b"%d" % number)
    heard: list[list[bytes]] = []

    with (
        ScriptedServer(accepts_all(heard)) as server,
        Client(server.address, outbox=path) as client,
    ):
        assert client.outbox.flush(WAIT_MS)

    assert [request[2] for request in heard] == [b"0", b"1", b"2", b"3", b"4"]


def test_what_had_no_answer_is_sent_again_under_its_key(path: Path) -> None:
    heard: list[list[bytes]] = []
    with (
        ScriptedServer(breaks(1), breaks(1), accepts_all(heard)) as server,
        Client(server.address, outbox=path) as client,
    ):
        job = submitted(client)
        assert job.wait_acknowledged(WAIT_MS) == 1

    assert heard[0][-1] == job.key.encode()


@pytest.mark.parametrize("answer", [FULL, BUSY, b"-DISKFULL no room\r\n", b"-UNKNOWN perhaps\r\n"])
def test_what_is_refused_for_now_is_sent_again(answer: bytes, path: Path) -> None:
    # The session itself gives an UNKNOWN up with its connection: a second one follows.
    with (
        ScriptedServer(*_with_retry(answer)) as server,
        Client(server.address, outbox=path) as client,
    ):
        assert submitted(client).wait_acknowledged(WAIT_MS) == 9


def _with_retry(answer: bytes) -> list[Script]:
    if answer.startswith(b"-UNKNOWN"):
        return [replies(answer), replies(b":9\r\n")]
    return [replies(answer, b":9\r\n")]


def test_what_is_refused_for_good_is_kept_until_it_is_forgotten(path: Path) -> None:
    with ScriptedServer(replies(NO)) as server, Client(server.address, outbox=path) as client:
        job = submitted(client)
        with pytest.raises(Refused, match="TOOLARGE"):
            job.wait_acknowledged(WAIT_MS)

    with Outbox(path) as outbox:
        (entry,) = outbox.refused()
        assert (entry.code, entry.text) == ("TOOLARGE", "the payload is too large")
        assert outbox.forget(entry.id) == 1
        assert outbox.refused() == []


def test_what_was_refused_can_be_tried_again(path: Path) -> None:
    with (
        ScriptedServer(replies(NO, b":9\r\n")) as server,
        Client(server.address, outbox=path) as client,
    ):
        job = submitted(client)
        client.outbox.flush(WAIT_MS)
        assert job.state is EntryState.REFUSED

        assert client.outbox.retry(job.entry_id) == 1

        assert job.wait_acknowledged(WAIT_MS) == 9


def test_a_refusal_holds_up_nothing_behind_it(path: Path) -> None:
    with (
        ScriptedServer(replies(NO, b":9\r\n")) as server,
        Client(server.address, outbox=path) as client,
    ):
        with client.pipeline() as pipeline:
            first, second = pipeline.submit("t"), pipeline.submit("t")

        assert second.value.wait_acknowledged(WAIT_MS) == 9
        assert first.value.state is EntryState.REFUSED


def test_a_wrong_password_refuses_no_entry(path: Path) -> None:
    def script(talk: Conversation) -> None:
        talk.read()
        talk.reply(b"-WRONGPASS no\r\n")
        talk.until_hung_up()

    with (
        ScriptedServer(script, script, replies(b":9\r\n")) as server,
        Client(server.address, outbox=path) as client,
    ):
        assert submitted(client).wait_acknowledged(WAIT_MS) == 9


def _until(holds: Callable[[], bool]) -> None:
    changed = threading.Event()
    for _ in range(WAIT_MS // 10):
        if holds():
            return
        changed.wait(0.01)
    raise AssertionError("it did not come to be")


# --- the status and the callbacks ----------------------------------------------------------------


def test_the_status_tells_how_much_waits_since_when_and_why(nobody: str, path: Path) -> None:
    with Client(nobody, outbox=path) as client:
        assert client.outbox.status().oldest_age_ms is None
        submitted(client)
        _until(lambda: client.outbox.status().problem is not None)

        status = client.outbox.status()

    assert (status.pending, status.refused, status.acknowledged) == (1, 0, 0)
    assert status.pending_bytes > 0
    assert status.oldest_age_ms is not None
    assert status.sends
    assert "no server answers" in (status.problem or "")


def test_each_answer_is_told_once_in_order(path: Path) -> None:
    told: list[tuple[int | None, str | None]] = []

    def tell(entry: Entry) -> None:
        told.append((entry.job_id, entry.code))

    outbox = Outbox(path, on_acknowledged=tell, on_refused=tell)
    script = replies(b":1\r\n", NO, b":3\r\n")
    with ScriptedServer(script) as server, Client(server.address, outbox=outbox) as client:
        for _ in range(3):
            submitted(client)
        client.outbox.flush(WAIT_MS)

    assert told == [(1, None), (None, "TOOLARGE"), (3, None)]


def test_a_callback_that_fails_holds_up_nothing(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(entry: Entry) -> None:
        raise RuntimeError("mistake")

    outbox = Outbox(path, on_acknowledged=fail)
    script = replies(b":1\r\n", b":2\r\n")
    with ScriptedServer(script) as server, Client(server.address, outbox=outbox) as client:
        submitted(client)
        assert submitted(client).wait_acknowledged(WAIT_MS) == 2

    assert "a callback of the outbox failed at entry 1" in caplog.text


def test_a_callback_may_forget_and_submit(path: Path) -> None:
    def submit_smaller(entry: Entry) -> None:
        client.outbox.forget(entry.id)
        later.append(submitted(client, b"smaller"))

    later: list[OutboxJob[bytes]] = []
    outbox = Outbox(path, entries_max=1, on_refused=submit_smaller)
    script = replies(NO, b":2\r\n")
    with ScriptedServer(script) as server, Client(server.address, outbox=outbox) as client:
        submitted(client)
        _until(lambda: bool(later))
        assert later[0].wait_acknowledged(WAIT_MS) == 2


def test_a_callback_that_waits_for_the_outbox_holds_up_nothing(path: Path) -> None:
    flushed: list[bool] = []
    outbox = Outbox(path, on_acknowledged=lambda _: flushed.append(outbox.flush()))
    script = replies(b"-OVERLOADED no\r\n", b":1\r\n", b":2\r\n")
    with ScriptedServer(script) as server, Client(server.address, outbox=outbox) as client:
        submitted(client)
        assert submitted(client).wait_acknowledged(WAIT_MS) > 0
        _until(lambda: len(flushed) == 2)

    assert flushed[-1]


def test_at_the_end_the_application_is_told_what_remains(nobody: str, path: Path) -> None:
    remaining: list[int] = []
    outbox = Outbox(path, on_exit=lambda outbox: remaining.append(outbox.status().pending))

    with Client(nobody, outbox=outbox) as client:
        submitted(client)
    client.close()

    assert remaining == [1]


# --- the mark ------------------------------------------------------------------------------------


def test_at_the_mark_refuse_writes_nothing(nobody: str, path: Path) -> None:
    outbox = Outbox(path, entries_max=1, when_full="refuse")
    with Client(nobody, outbox=outbox) as client:
        submitted(client)

        with pytest.raises(OutboxFull, match=r"1 entries pending and 0 refused, of 1"):
            submitted(client)

        assert client.outbox.status().pending == 1


def test_at_the_mark_block_waits_for_room(path: Path) -> None:
    go_on = threading.Event()

    def script(talk: Conversation) -> None:
        talk.greet()
        talk.read()
        assert go_on.wait(WAIT_MS / 1000)
        talk.reply(b":1\r\n")
        talk.read()
        talk.reply(b":2\r\n")
        talk.until_hung_up()

    outbox = Outbox(path, entries_max=1, when_full="block")
    with ScriptedServer(script) as server, Client(server.address, outbox=outbox) as client:
        submitted(client)
        second: list[OutboxJob[bytes]] = []
        blocked = threading.Thread(target=lambda: second.append(submitted(client)))
        blocked.start()
        blocked.join(0.2)
        assert blocked.is_alive()
        go_on.set()
        blocked.join()

        assert second[0].wait_acknowledged(WAIT_MS) == 2


def test_blocking_ends_when_it_was_told_to(nobody: str, path: Path) -> None:
    outbox = Outbox(path, entries_max=1, block_ms=50)
    with Client(nobody, outbox=outbox) as client:
        submitted(client)

        with pytest.raises(OutboxFull, match="none became free within 50 ms"):
            submitted(client)


def test_blocking_does_not_wait_for_what_the_server_refused(path: Path) -> None:
    outbox = Outbox(path, entries_max=1)
    with ScriptedServer(replies(NO)) as server, Client(server.address, outbox=outbox) as client:
        submitted(client)
        client.outbox.flush(WAIT_MS)

        with pytest.raises(OutboxFull, match=r"the server refused leave no room; .* forget\(\)"):
            submitted(client)


def test_what_never_fits_is_refused_at_once(nobody: str, path: Path) -> None:
    with (
        Client(nobody, outbox=Outbox(path, bytes_max=100)) as client,
        pytest.raises(OutboxFull, match="never fit; raise the mark"),
    ):
        submitted(client, bytes(200))


def test_beyond_the_mark_spill_writes_on_and_says_how_far(nobody: str, path: Path) -> None:
    outbox = Outbox(path, entries_max=1, when_full="spill")
    with Client(nobody, outbox=outbox) as client:
        for _ in range(4):
            submitted(client)

        status = client.outbox.status()

    assert (status.pending, status.beyond) == (4, 3)


def test_spilling_ends_before_the_disk_is_full(
    nobody: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OUTBOX_DISK_FREE_MIN", 1 << 60)
    outbox = Outbox(path, entries_max=1, when_full="spill")
    with Client(nobody, outbox=outbox) as client:
        submitted(client)

        with pytest.raises(OutboxFull, match="its disk has only"):
            submitted(client)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"when_full": "drop"}, "'block', 'refuse', 'spill'"),
        ({"entries_max": 0}, "entries_max is 0"),
        ({"bytes_max": -1}, "bytes_max is -1"),
        ({"close_ms": -1}, "close_ms is -1 and may be 0 or more"),
        ({"when_full": "refuse", "block_ms": 5}, "block_ms means nothing"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(
    settings: dict[str, object], said: str, path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        Outbox(path, **settings)  # type: ignore[arg-type] # That is the point.


# --- several, and the end ------------------------------------------------------------------------


def test_of_two_that_share_a_file_one_sends_for_both(path: Path) -> None:
    heard: list[list[bytes]] = []
    with (
        ScriptedServer(accepts_all(heard)) as server,
        Client(server.address, outbox=path) as first,
    ):
        _until(lambda: first.outbox.status().sends)
        with Client(server.address, outbox=path) as second:
            job = submitted(second)

            assert job.wait_acknowledged(WAIT_MS) == 1
            assert not second.outbox.status().sends


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_process_that_was_forked_writes_to_the_same_outbox(nobody: str, path: Path) -> None:
    with Client(nobody, outbox=path) as client:
        submitted(client)
        child = os.fork()
        if child == 0:
            os._exit(0 if submitted(client).entry_id == 2 else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0

        assert submitted(client).entry_id == 3
        assert client.outbox.status().sends


def test_a_closed_outbox_takes_no_more(nobody: str, path: Path) -> None:
    with Client(nobody, outbox=path) as client:
        pass

    with pytest.raises(OutboxUnusable, match="is closed"):
        client.submit("t")


def test_closing_waits_for_a_server_that_answers(path: Path) -> None:
    heard: list[list[bytes]] = []
    with (
        ScriptedServer(accepts_all(heard)) as server,
        Client(server.address, outbox=Outbox(path, close_ms=WAIT_MS)) as client,
    ):
        submitted(client)

    assert len(heard) == 1
    with Outbox(path) as outbox:
        assert outbox.status().acknowledged == 1


def test_closing_works_after_the_disk_failed(
    nobody: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Outbox] = []
    with Client(nobody, outbox=Outbox(path, on_exit=told.append)) as client:
        submitted(client)
        assert client.outbox._file is not None
        fail_at_commit(client.outbox._file, monkeypatch)
        with pytest.raises(OutboxUnusable, match="not known whether this was written"):
            submitted(client)
        with pytest.raises(OutboxUnusable, match="so nothing of this was written"):
            submitted(client)

    assert told == [client.outbox]
    with Outbox(path) as outbox:
        assert outbox.status().pending == 1


def test_a_callback_may_close(path: Path) -> None:
    outbox = Outbox(path, close_ms=WAIT_MS, on_acknowledged=lambda _: outbox.close())
    script = replies(b":1\r\n")
    with ScriptedServer(script) as server, Client(server.address, outbox=outbox) as client:
        job = submitted(client)
        _until(lambda: outbox._closed)

        assert repr(job) == "<job 1>"


def test_closing_does_not_wait_for_a_server_that_is_away(nobody: str, path: Path) -> None:
    with Client(nobody, outbox=Outbox(path, close_ms=10 * WAIT_MS)) as client:
        submitted(client)

    with Outbox(path) as outbox:
        assert outbox.status().pending == 1


def test_flushing_says_whether_all_was_settled(nobody: str, path: Path) -> None:
    with Client(nobody, outbox=path) as client:
        assert client.outbox.flush(0)
        submitted(client)
        assert not client.outbox.flush(20)
