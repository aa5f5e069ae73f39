"""redis-cli and redis-benchmark, unmodified, in the ways in which people use them."""

import os
import pty
import re
import select
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compliance.conftest import PASSWORD

pytestmark = [pytest.mark.integration, pytest.mark.program("redis-cli")]

_RUN_SECONDS_MAX = 30
JOBS = 10_000


def redis_cli(port: str, *arguments: str, stdin: str | bytes = b"") -> str:
    """Run redis-cli to its end and return what it printed, complaints after the rest."""
    ended = subprocess.run(
        ["redis-cli", "-p", port, *arguments],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        check=False,
        timeout=_RUN_SECONDS_MAX,
    )
    return (ended.stdout + ended.stderr).decode()


def ready_in(queue: str, port: str) -> int:
    shown = redis_cli(port, "QUEUE.SHOW", queue).splitlines()
    return int(shown[shown.index("ready") + 1])


# --- one command ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["-3"], ["-2"], ["-n", "2"], ["-3", "-n", "2"]])
def test_a_command_on_the_command_line_is_answered(port: str, options: list[str]) -> None:
    assert redis_cli(port, *options, "JOB.CALL", "add", "[2,3]") == "5\n"


def test_values_appear_in_the_types_of_resp2(port: str) -> None:
    job = redis_cli(port, "JOB.SUBMIT", "kept", "[1]", "QUEUE", "typed").strip()

    shown = redis_cli(port, "--no-raw", "JOB.SHOW", job)

    assert f' 1) "id"\n 2) (integer) {job}\n 3) "queue"\n 4) "typed"\n' in shown
    assert re.search(r'"key"\n *\d+\) \(nil\)\n', shown)


def test_values_appear_in_the_types_of_resp3(port: str) -> None:
    job = redis_cli(port, "JOB.SUBMIT", "kept", "[1]", "QUEUE", "typed").strip()

    shown = redis_cli(port, "-3", "--no-raw", "JOB.SHOW", job)

    assert f' 1# "id" => (integer) {job}\n 2# "queue" => "typed"\n' in shown
    assert '"key" => (nil)\n' in shown


def test_json_output_is_json(port: str) -> None:
    job = redis_cli(port, "JOB.SUBMIT", "kept", "[1]", "QUEUE", "typed").strip()

    assert redis_cli(port, "--json", "JOB.SHOW", job).startswith(f'{{"id":{job},"queue":"typed"')


def test_the_last_argument_may_come_from_standard_input(port: str) -> None:
    assert redis_cli(port, "-x", "JOB.CALL", "reverse", stdin=b"a\r\nb\x00") == "\x00b\n\ra\n"


def test_an_error_is_shown_with_its_code(port: str) -> None:
    assert redis_cli(port, "JOB.SHOW", str(2**60)).startswith("NOJOB ")


def test_an_error_makes_the_exit_code_1_where_asked(port: str) -> None:
    ended = subprocess.run(["redis-cli", "-p", port, "-e", "NOSUCH"], capture_output=True)

    assert ended.returncode == 1
    assert ended.stderr.startswith(b"ERR unknown command 'NOSUCH'")


# --- passwords ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["-3"], ["--user", "default"]])
def test_the_password_of_the_command_line_opens_the_server(
    guarded_port: str, options: list[str]
) -> None:
    arguments = ["-a", PASSWORD, "--no-auth-warning", *options, "PING"]

    assert redis_cli(guarded_port, *arguments) == "PONG\n"


def test_a_wrong_password_is_told(guarded_port: str) -> None:
    told = redis_cli(guarded_port, "-a", "wrong", "--no-auth-warning", "PING")

    assert "AUTH failed: WRONGPASS" in told
    assert "NOAUTH Authentication required." in told


# --- batches --------------------------------------------------------------------------------------


def test_lines_on_standard_input_are_answered_one_by_one(port: str) -> None:
    lines = 'ECHO "a b"\nJOB.CALL add [1,2]\nNOSUCH\n\nPING\n'

    answers = redis_cli(port, stdin=lines).splitlines()

    assert [line for line in answers if line] == [
        "a b",
        "3",
        "ERR unknown command 'NOSUCH', with args beginning with: ",
        "PONG",
    ]


def test_a_transaction_may_stand_on_standard_input(port: str) -> None:
    submit = "JOB.SUBMIT kept 1 QUEUE typed\n"

    answers = redis_cli(port, stdin=f"MULTI\n{submit}{submit}EXEC\n").split()

    assert answers[:3] == ["OK", "QUEUED", "QUEUED"]
    assert int(answers[4]) == int(answers[3]) + 1


INLINE = "JOB.SUBMIT kept {number} QUEUE {queue}\r\n"
RESP = (
    "*5\r\n$10\r\nJOB.SUBMIT\r\n$4\r\nkept\r\n${length}\r\n{number}\r\n"
    "$5\r\nQUEUE\r\n${queue_length}\r\n{queue}\r\n"
)


@pytest.mark.parametrize(("form", "queue"), [(INLINE, "piped-inline"), (RESP, "piped-resp")])
def test_a_pipe_submits_all_that_goes_in(port: str, form: str, queue: str) -> None:
    jobs = "".join(
        form.format(number=n, length=len(str(n)), queue=queue, queue_length=len(queue))
        for n in range(JOBS)
    )

    told = redis_cli(port, "--pipe", stdin=jobs)

    assert told.endswith(f"errors: 0, replies: {JOBS}\n")
    assert ready_in(queue, port) == JOBS


def test_a_pipe_counts_errors_and_goes_on(port: str) -> None:
    told = redis_cli(port, "--pipe", stdin="PING\r\nNOSUCH\r\nPING\r\n")

    assert "errors: 1, replies: 3\n" in told


# --- watching -------------------------------------------------------------------------------------


def test_stat_shows_numbers_for_what_it_looks_for(port: str) -> None:
    arguments = ["redis-cli", "-p", port, "-i", "0.01", "--stat"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as stat:
        assert stat.stdout is not None
        head = [stat.stdout.readline().decode() for _ in range(3)]
        stat.terminate()

    keys, memory, clients, blocked, requests, _, connections = head[2].split()
    assert "keys" in head[1]
    assert re.fullmatch(r"[\d.]+[KMG]", memory)
    for number in (keys, clients, blocked, requests, connections):
        assert number.isdigit()


def test_latency_is_measured_with_pings(port: str) -> None:
    arguments = ["redis-cli", "-p", port, "--raw", "-i", "1", "--latency"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as latency:
        told, _ = latency.communicate(timeout=_RUN_SECONDS_MAX)

    least, most, mean, samples = (float(number) for number in told.split()[:4])
    assert least <= mean <= most
    assert samples > 10


# --- at a terminal --------------------------------------------------------------------------------


class Terminal:
    """A redis-cli that believes that somebody sits in front of it."""

    def __init__(self, port: str, home: Path) -> None:
        self._screen, inside = pty.openpty()
        # Without a width redis-cli asks the terminal for it, and waits for the answer.
        termios.tcsetwinsize(inside, (40, 200))
        self._process = subprocess.Popen(
            ["redis-cli", "-p", port],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env={**os.environ, "TERM": "xterm", "HOME": str(home)},
        )
        os.close(inside)
        self._read_until(re.compile(rb"> $"))

    def type(self, keys: str, until: str = r"\n[\d.:]+(\(TX\))?> $") -> str:
        """Type something; return what appears up to the next prompt."""
        os.write(self._screen, keys.encode())
        return self._read_until(re.compile(until.encode()))

    def leave(self) -> int:
        """Type quit; return the exit code."""
        os.write(self._screen, b"quit\r")
        return self._process.wait(_RUN_SECONDS_MAX)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._screen)

    def _read_until(self, end: re.Pattern[bytes]) -> str:
        shown = b""
        while not end.search(shown):
            assert select.select([self._screen], [], [], _RUN_SECONDS_MAX)[0], shown
            shown += os.read(self._screen, 65_536)
        return re.sub(r"\x1b\[[0-9;]*\w", "", shown.decode())


@pytest.fixture
def terminal(port: str, tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(port, tmp_path)
    yield opened
    opened.close()


SYNTAX = (
    "task payload [QUEUE name] [PRIORITY n] [DELAY ms|AT unix-ms] [TIMEOUT ms] [ATTEMPTS n]"
    " [KEY key]"
)


def test_help_shows_the_syntax_of_a_command(terminal: Terminal) -> None:
    shown = terminal.type("help JOB.SUBMIT\r")

    assert f"JOB.SUBMIT {SYNTAX}" in shown
    assert "summary: Store a job to be run, and say its id." in shown


def test_help_knows_the_groups_of_commands(terminal: Terminal) -> None:
    shown = terminal.type("help @queue\r")

    assert "QUEUE.LIST" in shown
    assert "QUEUE.SHOW name" in shown


def test_hints_appear_while_a_command_is_typed(terminal: Terminal) -> None:
    shown = terminal.type("job.submit ", until=r"submit \S*task payload.*KEY key\]")

    assert SYNTAX in shown


def test_the_tabulator_completes_the_names_of_our_commands(terminal: Terminal) -> None:
    assert "JOB.SUBMIT" in terminal.type("job.su\t", until="JOB.SUBMIT")


def test_the_prompt_shows_an_open_transaction(terminal: Terminal) -> None:
    assert terminal.type("MULTI\r").endswith("(TX)> ")
    assert "QUEUED" in terminal.type("JOB.SUBMIT kept 1 QUEUE typed\r")
    assert "1) (integer)" in terminal.type("EXEC\r")


def test_a_change_to_resp3_is_understood_at_the_prompt(terminal: Terminal) -> None:
    assert '"proto" => (integer) 3' in terminal.type("HELLO 3\r")
    assert "# Server" in terminal.type("INFO server\r")


def test_quit_ends_the_program(terminal: Terminal) -> None:
    assert terminal.leave() == 0


# --- redis-benchmark ------------------------------------------------------------------------------


@pytest.mark.program("redis-benchmark")
@pytest.mark.parametrize(
    ("options", "work"),
    [
        (["-c", "10", "-P", "4", "-r", "100000"], "JOB.SUBMIT kept payload QUEUE {queue}"),
        (["-c", "10", "-P", "4", "-3"], "JOB.SUBMIT kept payload QUEUE {queue}"),
        (["-c", "10", "-P", "4"], "JOB.SUBMIT kept __rand_int__ QUEUE {queue} PRIORITY 0"),
    ],
)
def test_a_benchmark_submits_what_it_says(port: str, options: list[str], work: str) -> None:
    queue = f"benched{len(options)}{options[-1]}"
    command = ["redis-benchmark", "-p", port, "-n", "2000", "-q", *options]

    ended = subprocess.run(
        [*command, *work.format(queue=queue).split()],
        capture_output=True,
        check=False,
        timeout=_RUN_SECONDS_MAX,
    )

    assert ended.returncode == 0
    assert b"requests per second" in ended.stdout
    assert b"rror" not in ended.stdout + ended.stderr
    assert ready_in(queue, port) == 2000


@pytest.mark.program("redis-benchmark")
def test_a_benchmark_pings_inline_and_in_arrays(port: str) -> None:
    command = ["redis-benchmark", "-p", port, "-n", "1000", "-c", "10", "--csv", "-t", "ping"]

    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout

    assert [line.split(",")[0] for line in told.splitlines()[1:]] == [
        '"PING_INLINE"',
        '"PING_MBULK"',
    ]
