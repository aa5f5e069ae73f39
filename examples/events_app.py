"""Handlers of events: `penstock serve --app examples.events_app`.

    penstock events publish orders type=order.paid order_id=7 cents=950

makes a job of `ship` and one of `receipt`; what a job gives up on becomes an event again.
"""

from penstock.worker import Event, Retries, current_job, on


@on("orders", match={"type": "order.paid"}, group_by="order_id", retry=Retries(attempts=5, base=1))
def ship(event: Event) -> str:
    """Send the goods; the jobs of one order run one after the other."""
    if "fail" in event and current_job().failures < event.json("fail"):
        raise ConnectionError("the warehouse does not answer")
    return f"order {event['order_id']} is on its way"


@on("orders", match={"type": "order.paid"}, name="mail-receipt", timeout=30)
async def receipt(order_id: str, cents: int) -> str:
    """Write a receipt: fields come by the names of parameters, as what these are annotated."""
    return f"receipt for order {order_id}: {cents / 100:.2f}"


@on("jobs:*", match={"to": "dead", "queue": "default"}, queue="alarms")
def alarm(id: int, task: str, error: str = "") -> str:
    """Tell of jobs that died: the life of jobs is a stream as well, while somebody follows it."""
    return f"job {id} ({task}) is dead: {error}"
