"""Business keys: python -m examples.business_keys

A consumer charges a card for each order and sends a receipt. It is killed at the worst moment,
after a card was charged and before the order was confirmed: the order comes again, and is
recognised by its business key, so that no card is charged twice. So is an order that a careless
service publishes twice.
"""

import multiprocessing
import os
import signal
import sys
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from penstock.client import Client, SubscribedEvent
from penstock.loadtest.processes import ServerProcess

ORDERS = ("A-1", "A-2", "A-3")
DEADLY = "A-2"
WAIT_MS = 500


class NotAsPromised(Exception):
    """Something else happened than this example shows."""


def main() -> int:
    with TemporaryDirectory(prefix="penstock-business-keys-") as temporary:
        bank = Path(temporary) / "bank"
        bank.touch()
        server = ServerProcess(Path(temporary) / "data", "--http", "off", "--workers", "0")
        with server:
            address = server.announced("resp")
            with Client(address) as client:
                for order in (*ORDERS, "A-1"):
                    client.publish("orders", order=order, cents=500)
            print(f"Published: {', '.join(ORDERS)}, and A-1 by mistake once more.")

            first = start_consumer(address, bank, DEADLY)
            first.join()
            if first.exitcode != -signal.SIGKILL:
                raise NotAsPromised(f"the consumer ended with {first.exitcode}")
            print("The consumer was killed; another one takes its place.")
            second = start_consumer(address, bank, None)
            second.join()

            charged = bank.read_text().split()
            print(f"The bank has charged: {', '.join(charged)}")
            if sorted(charged) != sorted(ORDERS) or second.exitcode != 0:
                raise NotAsPromised(f"charged {charged}; the consumer ended with {second.exitcode}")
            print("Each order was charged once.")
            return server.stop()


# --- the consumer, a program of its own ----------------------------------------------------------


def consume(address: str, bank: Path, deadly: str | None) -> None:
    """Handle orders until none comes for a while; die in the middle of one of them."""
    with (
        Client(address) as client,
        client.subscribe(
            "orders", group="billing", consumer="biller", from_="start", wait_ms=WAIT_MS
        ) as orders,
    ):
        for event in orders:
            handle(event, bank, deadly)


def handle(event: SubscribedEvent, bank: Path, deadly: str | None) -> None:
    order = event["order"]
    if event.handled(order):
        print(f"  {order} was confirmed before: nothing to do", flush=True)
        return
    # Each step of the work has a key of its own.
    if event.handled(f"{order}/charged"):
        print(f"  {order} is here for the {event.deliveries}nd time, and was charged", flush=True)
    else:
        with bank.open("a") as file:
            file.write(f"{order}\n")
        event.record(f"{order}/charged")
        print(f"  {order} is charged", flush=True)
    if order == deadly:
        print("  kill -9, before the order is confirmed", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    event.confirm(order, keep_ms=24 * 3_600_000)
    print(f"  {order} is confirmed", flush=True)


def start_consumer(address: str, bank: Path, deadly: str | None) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(
        target=consume, args=(address, bank, deadly), daemon=True
    )
    process.start()
    return process


if __name__ == "__main__":
    sys.exit(main())
