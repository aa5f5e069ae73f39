"""Triggers and handlers: python -m examples.handlers

A trigger submits one job for each event that matches, in the event's own transaction: though the
server is killed again and again, no event is without its job, and none has two. Handlers come and
go while the server runs, and begin in the past, now, or where they were.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from penstock.client import Client, SubscribedEvent
from penstock.loadtest.processes import ServerProcess

EVENTS = 60
KILLS = 3
SECONDS_MAX = 60.0


class NotAsPromised(Exception):
    """Something else happened than this example shows."""


def main() -> int:
    with TemporaryDirectory(prefix="penstock-handlers-") as temporary:
        arguments = ("--http", "off", "--workers", "1", "--app", "examples.events_app")
        server = ServerProcess(Path(temporary) / "data", *arguments)
        with server:
            show_a_trigger(server)
            with Client(server.announced("resp")) as client:
                show_handlers_of_an_app(client)
                show_handlers_at_run_time(client)
            return server.stop()


# --- a trigger, and a server that dies -----------------------------------------------------------


def show_a_trigger(server: ServerProcess) -> None:
    print("A trigger submits a job of `audit` for each deposit of 500 or more.")
    with Client(server.announced("resp")) as client:
        # Nobody runs this queue, so that the jobs can be counted.
        client.options(queue="audits", group="${account}").set_trigger(
            *("large-deposits", "bank", "audit"),
            match={"type": "deposit", "size": "large"},
            payload='{"account": ${account}, "cents": ${cents:json}, "event": ${@id}}',
        )
    large: set[str] = set()
    for part in range(KILLS + 1):
        with Client(server.announced("resp")) as client:
            for number in range(EVENTS // (KILLS + 1)):
                size = "large" if number % 3 == 0 else "small"
                event_id = client.publish(
                    "bank", type="deposit", size=size, account=f"acc-{number % 4}", cents=50_000
                )
                if size == "large":
                    large.add(event_id)
        if part < KILLS:
            server.kill()  # As soon as the last event was acknowledged.
            server.start()
    print(f"{EVENTS} deposits were published, {len(large)} of them large; kill -9 x {KILLS}.")
    with Client(server.announced("resp")) as client:
        keys = Counter(job.key for job in client.jobs(queue="audits"))
        expected = {f"trigger:large-deposits:bank:{event_id}" for event_id in large}
        if set(keys) != expected or max(keys.values()) != 1:
            raise NotAsPromised(f"the jobs are {keys}, and should be {expected}")
        shown = client.trigger("large-deposits")
        print(f"There is one job for each of the {len(keys)}: cursor {shown.cursor}.")
        first = next(client.jobs(queue="audits", limit=1))
        print(f"The first one's payload: {(client.show(first.id).payload or b'').decode()}")


# --- handlers that workers run -------------------------------------------------------------------


def show_handlers_of_an_app(client: Client) -> None:
    print("The workers have registered the handlers of examples.events_app:")
    until(lambda: len(client.triggers()) >= 4, "the handlers to be registered")
    for trigger in client.triggers():
        print(f"  {trigger.name}: {trigger.stream} {dict(trigger.match)} -> {trigger.task}")
    client.publish("orders", type="order.paid", order_id="7", cents=950)
    client.publish("orders", type="order.paid", order_id="8", cents=100, fail=1)
    client.publish("orders", type="order.cancelled", order_id="9", cents=100)
    until(lambda: len(results(client)) == 4, "four jobs to be done")
    for line in results(client):
        print(f"  {line}")


def results(client: Client) -> list[str]:
    """Return what the handlers' jobs returned, with how often they failed before."""
    done = client.jobs(queue="default", state="completed")
    shown = [client.show(job.id) for job in done]
    return [
        f"{job.task}, after {job.failures} failures: {(job.result or b'').decode()}"
        for job in shown
        if job.task in ("ship", "mail-receipt")
    ]


# --- handlers at run time ------------------------------------------------------------------------


def show_handlers_at_run_time(client: Client) -> None:
    print("Handlers of this program, registered and deregistered as it runs:")
    for number in range(3):
        client.publish("news", number=number)
    past, now = Collector(), Collector()
    with (
        client.handler("news", past, group="archive", from_="start"),
        client.handler("news", now, group="screen", from_="now"),
    ):
        client.publish("news", number=3)
        until(lambda: (len(past.numbers), len(now.numbers)) == (4, 1), "both to have seen 3")
    print(f"  from the start: {past.numbers}; from now on: {now.numbers}")
    client.publish("news", number=4)
    client.publish("news", number=5)
    again = Collector()
    with client.handler("news", again, group="screen"):
        until(lambda: len(again.numbers) == 2, "what came meanwhile")
    print(f"  deregistered, and back at its cursor: {again.numbers}")
    client.move_group("news", "screen", "start")
    replay = Collector()
    with client.handler("news", replay, group="screen"):
        until(lambda: len(replay.numbers) == 6, "the replay")
    print(f"  its cursor moved back to the start: {replay.numbers}")
    if again.numbers != [4, 5] or replay.numbers != [0, 1, 2, 3, 4, 5]:
        raise NotAsPromised("the cursors are elsewhere")


class Collector:
    """A handler that keeps what it saw."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def __call__(self, event: SubscribedEvent) -> None:
        self.numbers.append(event.json("number"))


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        if time.monotonic() > deadline:
            raise NotAsPromised(f"not within {SECONDS_MAX:.0f} s: {what}")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
