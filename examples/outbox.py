"""Submit whether the server is there or not: python -m examples.outbox [HOST:PORT] [FILE]

Start it without a server: the submissions wait in FILE. Kill it, start it again: they are still
there. Start the server (`penstock serve --app examples.basics`) and each becomes one job.
"""

import sys

from penstock.client import Client, Entry, Outbox, Refused


def acknowledged(entry: Entry) -> None:
    print(f"entry {entry.id} is job {entry.job_id}")


def refused(entry: Entry) -> None:
    print(f"entry {entry.id} was refused: {entry.code} {entry.text}")


def leaving(outbox: Outbox) -> None:
    status = outbox.status()
    print(f"{status.pending} wait in {outbox.path}; {status.problem or 'nothing is wrong'}")


def main(server: str = "127.0.0.1:7711", path: str = "example.outbox") -> None:
    outbox = Outbox(
        path,
        entries_max=10_000,
        when_full="refuse",
        on_acknowledged=acknowledged,
        on_refused=refused,
        on_exit=leaving,
    )
    with Client(server, outbox=outbox) as client:
        with client.pipeline() as pipeline:  # One transaction for all of them.
            for number in range(10):
                pipeline.submit("add", number, 1)
        too_late = client.options(queue="not a name").submit("add", 1, 1)

        if outbox.flush(wait_ms=2_000):
            try:
                too_late.wait_acknowledged()
            except Refused as error:
                print(f"as was to be expected: {error.code}")
            outbox.forget(*(entry.id for entry in outbox.refused()))


if __name__ == "__main__":
    main(*sys.argv[1:])
