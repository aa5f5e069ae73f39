"""Domain events: python -m examples.domain_events

A service publishes that orders were paid. A handler that fails is tried again before any later
order. Then everything dies at once, server and handler, and is started again on the same data:
every event that was not handled is handled, in order.
"""

import multiprocessing
import sys
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from penstock.client import Client, SubscribedEvent
from penstock.loadtest.processes import ServerProcess

ORDERS = 12
SECONDS_MAX = 60.0


class NotAsPromised(Exception):
    """Something else happened than this example shows."""


def main() -> int:
    with TemporaryDirectory(prefix="penstock-domain-events-") as temporary:
        directory = Path(temporary)
        ledger = directory / "ledger"
        ledger.touch()
        server = ServerProcess(directory / "data", "--http", "off", "--workers", "0")
        with server:
            address = server.announced("resp")
            print(f"A server is ready at {address}; a service publishes {ORDERS} paid orders.")
            with Client(address) as client:
                client.create_group("orders", "accounting")
                for number in range(1, ORDERS + 1):
                    client.publish("orders", type="order.paid", order=number, cents=100 * number)

            print("The handler runs; the books are closed when order 3 comes first.")
            handler = start_handler(address, ledger)
            until(lambda: len(booked(ledger)) >= ORDERS // 2, "half of the orders to be booked")
            print("kill -9: the handler and the server are gone, in the middle of the work.")
            handler.kill()
            server.kill()
            handler.join()
            before = booked(ledger)
            print(f"Booked so far: {before}")

            server.start()
            print("The server is started again on its data, and the handler.")
            handler = start_handler(server.announced("resp"), ledger)
            until(lambda: set(booked(ledger)) == set(range(1, ORDERS + 1)), "all orders")
            handler.terminate()
            handler.join()
            after = booked(ledger)
            print(f"Booked since:  {after[len(before) :]}")
            if sorted(set(after)) != list(range(1, ORDERS + 1)):
                raise NotAsPromised(f"the ledger holds {after}")
            twice = len(after) - ORDERS
            print(
                f"All {ORDERS} orders are booked; {twice} came again whose booking was not known."
            )
            return server.stop()


# --- the handler, a program of its own -----------------------------------------------------------


def handle_for_ever(address: str, ledger: Path) -> None:
    failed: list[str] = []

    def book(event: SubscribedEvent) -> None:
        if event["order"] == "3" and not failed:
            failed.append(event.id)
            print("  order 3: the books are closed (ValueError)", flush=True)
            raise ValueError("the books are closed")
        time.sleep(0.02)  # Work.
        with ledger.open("a") as file:
            file.write(f"{event['order']}\n")
        print(f"  order {event['order']} is booked: {event.json('cents') / 100:.2f}", flush=True)

    # By its name it finds at once what it had not finished, however its last life ended.
    with (
        Client(address) as client,
        client.handler("orders", book, group="accounting", consumer="accountant") as handler,
    ):
        handler.join()


def start_handler(address: str, ledger: Path) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(
        target=handle_for_ever, args=(address, ledger), daemon=True
    )
    process.start()
    return process


def booked(ledger: Path) -> list[int]:
    return [int(line) for line in ledger.read_text().split()]


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        if time.monotonic() > deadline:
            raise NotAsPromised(f"not within {SECONDS_MAX:.0f} s: {what}")
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
