"""Handlers for the tests of workers: what they return says what they got."""

import asyncio

from penstock.worker import Dead, Event, Retries, current_job, on, task


@task
def plain() -> str:
    return "no event"


@on("orders", match={"type": "order.paid"}, retry=Retries(attempts=3, delays=[0]))
def ship(event: Event) -> list[object]:
    if "failures" in event and current_job().failures < event.json("failures"):
        raise ConnectionError("the warehouse does not answer")
    if "hopeless" in event:
        raise Dead("there is no such order")
    return [event.stream, event.id, event.fields, event.deliveries]


@on("orders", match={"type": "order.*"}, name="count-cents", queue="default", timeout=20)
async def count(cents: int, note: str = "none") -> list[object]:
    await asyncio.sleep(0)
    return [cents, note]


@on("grouped", group_by="account")
async def in_order(account: str, number: int) -> list[object]:
    await asyncio.sleep(0.02 if number % 2 else 0)
    return [account, number]


@on("history", from_="start")
def archive(number: int) -> int:
    return number
