"""An application that submits through an outbox and is killed while it does.

python -m tests.integration.outbox_app HOW ADDRESS PATH NAME [COUNT]

After each submission that returned it writes the number of it to its output. HOW is one of:
`submit` (until killed), `pipeline`, `async` (the same), `leave` (COUNT of them, then the program
just ends, and says so), `idle` (nothing, until killed), `fill` (until the disk is full; then it
makes room by removing the file `filler` beside the outbox, and submits once more).
"""

import asyncio
import itertools
import os
import sys
from collections.abc import Callable

from penstock.client import AsyncClient, Client, Outbox, OutboxFull

GROUP = 20


def payload(name: str, number: int) -> bytes:
    return f"quick {name}-{number} ".encode()


def say(*numbers: int) -> None:
    """Write without a buffer: what was said survives the process."""
    os.write(1, "".join(f"{number}\n" for number in numbers).encode())


def submit(address: str, path: str, name: str, _count: int) -> None:
    with Client(address, outbox=path) as client:
        for number in itertools.count():
            client.submit_raw("record", payload(name, number))
            say(number)


def submit_groups(address: str, path: str, name: str, _count: int) -> None:
    with Client(address, outbox=path) as client:
        for first in itertools.count(0, GROUP):
            numbers = range(first, first + GROUP)
            with client.pipeline() as pipeline:
                for number in numbers:
                    pipeline.submit_raw("record", payload(name, number))
            say(*numbers)


def submit_from_tasks(address: str, path: str, name: str, _count: int) -> None:
    async def one(client: AsyncClient, numbers: "itertools.count[int]") -> None:
        for number in numbers:
            await client.submit_raw("record", payload(name, number))
            say(number)

    async def main() -> None:
        numbers = itertools.count()
        async with AsyncClient(address, outbox=path) as client, asyncio.TaskGroup() as tasks:
            for _ in range(GROUP):
                tasks.create_task(one(client, numbers))

    asyncio.run(main())


def leave(address: str, path: str, name: str, count: int) -> None:
    def tell(outbox: Outbox) -> None:
        remaining = [entry.task for entry in outbox.pending()]
        os.write(1, f"remaining {len(remaining)}\n".encode())

    client = Client(address, outbox=Outbox(path, on_exit=tell))
    for number in range(count):
        client.submit_raw("record", payload(name, number))
        say(number)


def idle(address: str, path: str, _name: str, _count: int) -> None:
    with Client(address, outbox=path):
        os.write(1, b"open\n")
        sys.stdin.read()


def fill(address: str, path: str, name: str, _count: int) -> None:
    with open(f"{os.path.dirname(path)}/filler", "wb") as filler:
        filler.write(bytes(1 << 20))
    with Client(address, outbox=path) as client:
        try:
            for number in itertools.count():
                client.submit_raw("record", payload(name, number) + bytes(20_000))
        except OutboxFull as error:
            os.write(1, f"{error}\n".encode())
        os.unlink(filler.name)
        client.submit_raw("record", payload(name, number))
        pending = client.outbox.status().pending
        os.write(1, f"{pending - number}\n".encode())


HOW: dict[str, Callable[[str, str, str, int], None]] = {
    "submit": submit,
    "pipeline": submit_groups,
    "async": submit_from_tasks,
    "leave": leave,
    "idle": idle,
    "fill": fill,
}

if __name__ == "__main__":
    how, address, path, name, *rest = sys.argv[1:]
    HOW[how](address, path, name, int(rest[0]) if rest else 0)
