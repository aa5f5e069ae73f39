"""`penstock submit`, `penstock call` and `penstock wait`: what is asked of the server."""

import os
import sys
from typing import Annotated

import typer

from penstock.cli.connection import open_client
from penstock.cli.exits import mistake
from penstock.cli.flags import flattened
from penstock.cli.options import (
    SUBMIT_FLAGS,
    JobIdArgument,
    Json,
    Payload,
    Server,
    SubmitFlags,
    Task,
    Wait,
    read_job_id,
    read_task,
    read_wait_ms,
)
from penstock.cli.output import (
    is_json,
    note,
    plain_bytes,
    result_line,
    write,
    write_json,
    write_line,
)
from penstock.config.limits import ARGUMENT_BYTES_MAX

File = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Submit one job for each line of this file (JSON Lines); - reads standard input."
        " With --key, the n-th line gets the key KEY:n.",
    ),
]
SubmitWait = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION",
        help="Wait this long for the jobs to finish, and print results instead of ids.",
    ),
]


@flattened
def submit(
    task: Task,
    flags: Annotated[SubmitFlags, SUBMIT_FLAGS],
    payload: Payload = None,
    file: File = None,
    wait: SubmitWait = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Submit a job, or one for each line of a file, and print the ids once they are on disk."""
    task, options, wait_ms = read_task(task), flags.for_client(), read_wait_ms(wait)
    if file is not None and payload is not None:
        raise mistake("PAYLOAD and --file exclude each other; give one of them")
    if file is not None:
        from penstock.cli.submissions import Order, submit_file

        submit_file(file, Order(task, options, wait_ms, as_json), server)
        return
    content = read_payload(payload)
    with open_client(server) as client:
        job_id = client.options(**options).submit_raw(task, content).id
        if wait_ms is not None:
            _write_result(client.wait_raw(job_id, wait_ms=wait_ms), as_json=as_json)
        elif as_json:
            write_json({"id": job_id})
        else:
            write_line(str(job_id))


@flattened
def call(
    task: Task,
    flags: Annotated[SubmitFlags, SUBMIT_FLAGS],
    payload: Payload = None,
    wait: Wait = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Submit a job, wait for it, and print its result: penstock call add '[2,3]' prints 5."""
    task, options, wait_ms = read_task(task), flags.for_client(), read_wait_ms(wait)
    if wait_ms is not None:
        options["wait_ms"] = wait_ms
    content = read_payload(payload)
    with open_client(server) as client:
        result = client.options(**options).call_raw(task, content)
    _write_result(result, as_json=as_json)


def wait(
    job_id: JobIdArgument,
    wait: Wait = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Wait for a job that was submitted, and print its result."""
    number, wait_ms = read_job_id(job_id), read_wait_ms(wait)
    with open_client(server) as client:
        result = client.wait_raw(number, wait_ms=wait_ms)
    _write_result(result, as_json=as_json)


def read_payload(given: str | None) -> bytes:
    """Return the payload; tell a person where only few tasks can read it."""
    if given is None:
        return b""
    content = read_bytes(given)
    if given != "-" and sys.stderr.isatty() and not is_json(content):
        note("the payload is not JSON: only a task that takes bytes (raw=True) can read it")
    return content


def read_bytes(given: str) -> bytes:
    """Return an argument as it is, or for - standard input to its end."""
    if given != "-":
        return os.fsencode(given)
    content = sys.stdin.buffer.read(ARGUMENT_BYTES_MAX + 1)
    if len(content) > ARGUMENT_BYTES_MAX:
        raise mistake(
            f"standard input holds more than {ARGUMENT_BYTES_MAX} bytes, which is more than any"
            " server takes; pass a reference to the data instead"
        )
    return content


def _write_result(result: bytes, *, as_json: bool) -> None:
    if as_json:
        write_json(plain_bytes("result", result))
        return
    write(result_line(result))
