"""The client commands of `penstock` against a real server with a real worker."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

from penstock.cli.exits import Exit
from penstock.loadtest.processes import ServerProcess

pytestmark = pytest.mark.integration


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Penstock: TypeAlias = Callable[..., Ended]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("server")
    with ServerProcess(
        directory / "data",
        *("--http", "off", "--workers", "1", "--app", "examples.basics"),
        *("--unix", str(directory / "sock"), "--payload-bytes-max", "1000"),
    ) as running:
        yield running


@pytest.fixture
def environ(server: ServerProcess) -> dict[str, str]:
    plain = {name: text for name, text in os.environ.items() if not name.startswith("PENSTOCK_")}
    return {**plain, "PENSTOCK_SERVER": server.announced("resp")}


@pytest.fixture
def penstock(environ: dict[str, str]) -> Penstock:
    def run(*arguments: str | bytes, stdin: bytes = b"") -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "penstock.cli", *arguments],
            env=environ,
            input=stdin,
            capture_output=True,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    return run


def shown(penstock: Penstock, job_id: str) -> dict[str, Any]:
    ended = penstock("show", job_id, "--json")
    assert ended.code == Exit.OK
    document: dict[str, Any] = json.loads(ended.out)
    return document


# --- calling -------------------------------------------------------------------------------------

CALLS: list[tuple[list[str], bytes, str]] = [
    (["add", "[2,3]"], b"", "5\n"),
    (["echo", '{"value": [1]}'], b"", "[1]\n"),
    (["echo", "7"], b"", "7\n"),
    (["echo"], b"", "null\n"),
    (["echo", "-"], b'"from standard input"', '"from standard input"\n'),
    (["reverse", "bytes, not JSON"], b"", "NOSJ ton ,setyb\n"),
    (["add", "[2,3]", "--json"], b"", '{"result": 5}\n'),
    (["reverse", "abc", "--json"], b"", '{"result_text": "cba"}\n'),
    (["reverse", "-", "--json"], b"\x00\xff", '{"result_base64": "/wA="}\n'),
]


@pytest.mark.parametrize(("arguments", "stdin", "out"), CALLS)
def test_a_call_prints_the_result(
    penstock: Penstock, arguments: list[str], stdin: bytes, out: str
) -> None:
    assert penstock("call", *arguments, stdin=stdin) == Ended(Exit.OK, out, "")


def test_a_result_that_is_no_text_is_written_as_it_is(environ: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "penstock.cli", "call", "reverse", b"a\xff\x00"[:2]],
        env=environ,
        capture_output=True,
        check=True,
    )

    assert ended.stdout == b"\xffa"


def test_a_job_that_fails_ends_the_call_with_its_error(penstock: Penstock) -> None:
    ended = penstock("call", "fail", '"on purpose"', "--attempts", "1")

    assert ended.code == Exit.JOB_FAILED
    assert ended.out == ""
    assert "failed 1 of 1 attempts: ValueError: on purpose (penstock show" in ended.err
    assert ended.err.count("\n") == 1


def test_a_wait_that_ends_first_says_how_to_wait_on(penstock: Penstock) -> None:
    ended = penstock("call", "nap", "60", "--wait", "10ms", "--queue", "nobody")

    assert ended.code == Exit.TIMEOUT
    assert ended.err.startswith("penstock: job ")
    assert "did not finish in time and goes on; penstock wait " in ended.err


def test_ctrl_c_ends_a_call_quietly_and_leaves_the_job(
    penstock: Penstock, environ: dict[str, str]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "penstock.cli", "call", "nap", "0", "--queue", "interrupted"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        # The queue is there as soon as the job is on disk.
        while penstock("queues", "interrupted").code != Exit.OK:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()

    assert (process.returncode, out, err) == (Exit.INTERRUPTED, b"", b"")
    assert json.loads(penstock("queues", "interrupted", "--json").out)["ready"] == 1


# --- submitting ----------------------------------------------------------------------------------


def test_a_submission_prints_its_id_which_wait_and_show_take(penstock: Penstock) -> None:
    submitted = penstock("submit", "echo", '"x"')
    job_id = submitted.out.strip()

    assert submitted == Ended(Exit.OK, f"{job_id}\n", "")
    assert penstock("wait", job_id) == Ended(Exit.OK, '"x"\n', "")
    assert shown(penstock, job_id)["state"] == "completed"


def test_the_options_of_a_submission_reach_the_server(penstock: Penstock) -> None:
    options = ["--queue", "later", "--priority", "7", "--delay", "1h", "--timeout", "2m"]
    ended = penstock(
        "submit", "echo", "1", *options, "--attempts", "9", "--key", "order-1", "--json"
    )

    job = shown(penstock, str(json.loads(ended.out)["id"]))
    assert job["queue"] == "later"
    assert job["state"] == "scheduled"
    assert job["priority"] == 7
    assert job["timeout_ms"] == 120_000
    assert job["attempts_max"] == 9
    assert job["key"] == "order-1"
    assert job["due_at"] - job["submitted_at"] == 3_600_000


def test_a_time_reaches_the_server_as_that_instant(penstock: Penstock) -> None:
    ended = penstock("submit", "echo", "--queue", "later", "--at", "2026-12-31T23:00:00+01:00")

    job = shown(penstock, ended.out.strip())
    assert job["due_at"] == max(1_798_754_400_000, job["submitted_at"])


def test_a_key_that_the_server_knows_gives_the_first_job(penstock: Penstock) -> None:
    first = penstock("submit", "echo", "1", "--key", "once")

    assert penstock("submit", "echo", "1", "--key", "once") == first


def test_a_submission_can_wait_for_its_result(penstock: Penstock) -> None:
    assert penstock("submit", "add", "[1,1]", "--wait", "1m") == Ended(Exit.OK, "2\n", "")


def test_the_unix_socket_is_a_server_too(penstock: Penstock, server: ServerProcess) -> None:
    address = f"unix:{server.announced('unix')}"

    assert penstock("call", "add", "[1,2]", "--server", address).out == "3\n"


# --- many ----------------------------------------------------------------------------------------


def test_every_line_becomes_a_job_in_the_order_of_the_lines(penstock: Penstock) -> None:
    lines = b"".join(b"%d\n" % number for number in range(2_500))

    ended = penstock("submit", "echo", "--file", "-", "--queue", "many", stdin=lines)

    ids = [int(line) for line in ended.out.splitlines()]
    assert (ended.code, ended.err) == (Exit.OK, "")
    assert len(ids) == 2_500
    assert ids == sorted(set(ids))
    assert shown(penstock, str(ids[1_234]))["payload"] == 1_234


def test_lines_come_from_a_file(penstock: Penstock, tmp_path: Path) -> None:
    file = tmp_path / "payloads.jsonl"
    file.write_text('[1, 2]\n\n{"a": 1}\n')

    ended = penstock("submit", "echo", "--file", str(file), "--queue", "many", "--json")

    documents = [json.loads(line) for line in ended.out.splitlines()]
    assert [document["line"] for document in documents] == [1, 3]


def test_a_file_that_is_submitted_again_under_a_key_doubles_nothing(penstock: Penstock) -> None:
    arguments = ["submit", "echo", "--file", "-", "--queue", "many", "--key", "import-7"]

    first = penstock(*arguments, stdin=b"1\n2\n")
    again = penstock(*arguments, stdin=b"1\n2\n3\n")

    assert again.out.splitlines()[:2] == first.out.splitlines()
    assert len(again.out.splitlines()) == 3
    assert shown(penstock, again.out.splitlines()[2])["key"] == "import-7:3"


def test_results_of_lines_are_printed_in_the_order_of_the_lines(penstock: Penstock) -> None:
    ended = penstock("submit", "nap", "--file", "-", "--wait", "1m", stdin=b"0.3\n0.2\n0.1\n")

    assert ended == Ended(Exit.OK, "0.3\n0.2\n0.1\n", "")


def test_of_lines_that_fail_each_is_named(penstock: Penstock) -> None:
    ended = penstock("submit", "add", "--file", "-", "--wait", "1m", stdin=b'1\n"x"\n3\n')

    assert ended.code == Exit.JOB_FAILED
    assert ended.out == "1\n3\n"
    assert "penstock: line 2: job " in ended.err
    assert ended.err.endswith("penstock: 1 of 3 jobs failed\n")


def test_programs_get_results_and_errors_of_lines_as_json(penstock: Penstock) -> None:
    ended = penstock("submit", "add", "--file", "-", "--wait", "1m", "--json", stdin=b'1\n"x"\n')

    first, second = (json.loads(line) for line in ended.out.splitlines())
    assert (first["line"], first["result"]) == (1, 1)
    assert second["line"] == 2
    assert "ArgumentError" in second["error"]
    assert ended.code == Exit.JOB_FAILED


def test_lines_that_do_not_finish_in_time_go_on(penstock: Penstock) -> None:
    ended = penstock(
        *("submit", "echo", "--file", "-", "--queue", "nobody", "--wait", "10ms"), stdin=b"1\n2\n"
    )

    assert ended.code == Exit.TIMEOUT
    assert ended.err.endswith("penstock: 2 of 2 jobs did not finish in time and go on\n")


def test_a_line_that_is_refused_is_named_and_ends_the_submission(penstock: Penstock) -> None:
    long = b'"' + b"x" * 2_000 + b'"'

    ended = penstock("submit", "echo", "--file", "-", "--queue", "many", stdin=b"1\n%b\n3\n" % long)

    assert ended.code == Exit.REFUSED
    assert len(ended.out.splitlines()) == 2
    assert ended.err.startswith("penstock: line 2 was refused: TOOLARGE ")
    assert ended.err.endswith("; 2 jobs were submitted, and nothing beyond line 3\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [("nowhere", "nowhere cannot be read (No such file"), (".", ". is a directory; name a file")],
)
def test_a_file_that_is_none_is_refused(penstock: Penstock, name: str, said: str) -> None:
    ended = penstock("submit", "echo", "--file", name)

    assert ended.code == Exit.USAGE
    assert said in ended.err


# --- looking -------------------------------------------------------------------------------------


def test_a_job_is_shown_with_its_errors(penstock: Penstock) -> None:
    penstock("call", "fail", '"on purpose"', "--attempts", "1", "--key", "fails")
    job_id = penstock("submit", "fail", '"on purpose"', "--attempts", "1", "--key", "fails").out

    rows = dict(line.split("\t") for line in penstock("show", job_id.strip()).out.splitlines())
    document = shown(penstock, job_id.strip())

    assert rows["state"] == document["state"] == "dead"
    assert rows["payload"] == '"on purpose"'
    assert "ValueError: on purpose\\nTraceback" in rows["attempt 1"]
    assert document["errors"][0]["error"].startswith("ValueError: on purpose")


def test_queues_are_listed_with_their_jobs_by_state(penstock: Penstock) -> None:
    penstock("submit", "echo", "1", "--queue", "listed")

    lines = [line.split("\t") for line in penstock("queues").out.splitlines()]
    documents = json.loads(penstock("queues", "--json").out)

    assert ["listed", "1", *"0000000", "no"] in lines
    states = ("ready", "scheduled", "blocked", "claimed")
    ends = ("completed", "dead", "cancelled", "expired")
    counts = dict.fromkeys((*states, *ends), 0)
    assert {**counts, "name": "listed", "ready": 1, "paused": False} in documents


def test_a_queue_is_shown_with_its_counters(penstock: Penstock) -> None:
    penstock("submit", "echo", "1", "--queue", "counted")

    rows = dict(line.split("\t") for line in penstock("queues", "counted").out.splitlines())
    document = json.loads(penstock("queues", "counted", "--json").out)

    assert rows["submitted"] == "1"
    assert document["submitted"] == 1
    assert document["name"] == "counted"


# --- being refused -------------------------------------------------------------------------------

REFUSED = [
    (["show", "999999999"], Exit.REFUSED, "penstock: NOJOB job 999999999"),
    (["wait", "999999999"], Exit.REFUSED, "penstock: NOJOB job 999999999"),
    (["queues", "never-seen"], Exit.REFUSED, "penstock: NOQUEUE queue never-seen"),
    (["submit", "two words"], Exit.REFUSED, "penstock: ERR task must be"),
    (["submit", "echo", "--delay", "4000d"], Exit.REFUSED, "penstock: ERR DELAY must be"),
    (["queues", "--server", "127.0.0.1:1"], Exit.UNREACHABLE, "penstock: no server answers at"),
    (["queues", "--server", "unix:/none"], Exit.UNREACHABLE, "penstock: no server answers at"),
    (["submit", b"\xff"], Exit.USAGE, "penstock: TASK is \\udcff: it must be UTF-8 text"),
    (
        ["submit", "echo", "--key", b"\xff"],
        Exit.USAGE,
        "penstock: --key is \\udcff: it must be UTF",
    ),
    (["queues", b"\xff"], Exit.USAGE, "penstock: NAME is \\udcff: it must be UTF-8 text"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), REFUSED)
def test_a_refusal_is_one_sentence_and_a_code(
    penstock: Penstock, arguments: list[str | bytes], code: Exit, said: str
) -> None:
    ended = penstock(*arguments)

    assert ended.code == code
    assert ended.out == ""
    assert ended.err.startswith(said)
    assert ended.err.count("\n") == 1


def test_a_server_with_a_password_lets_in_who_knows_it(
    environ: dict[str, str], tmp_path: Path
) -> None:
    known = {"PENSTOCK_PASSWORD": "open sesame"}
    with ServerProcess(
        tmp_path / "data", "--http", "off", "--workers", "0", environ=known
    ) as locked:
        command = [sys.executable, "-m", "penstock.cli", "queues", "--server"]
        command.append(locked.announced("resp"))
        refused = subprocess.run(command, env=environ, capture_output=True, check=False)
        let_in = subprocess.run(command, env={**environ, **known}, check=False)

    assert refused.returncode == Exit.REFUSED
    assert refused.stderr.startswith(b"penstock: NOAUTH ")
    assert let_in.returncode == Exit.OK
