"""Walks through all that can be done to jobs: memory and store agree wherever one ends."""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Final

import anyio
import anyio.lowlevel
import pytest

from penstock.jobs.errors import Refused
from penstock.jobs.model import FINISHED, Job, JobId, QueueName, TaskName
from penstock.jobs.policy import SubmitRequest, Wishes
from penstock.jobs.queue_settings import Order, WhenFull
from penstock.jobs.retry import Failure
from penstock.jobs.revisions import REDRIVABLE
from penstock.jobs.waits import ConsumerId
from tests.unit.jobs.desk import DEFAULT
from tests.unit.jobs.shop import Shop, shop
from tests.unit.jobs.truth import check_memory

STEPS: Final = 120
SETTINGS: Final[list[dict[str, object]]] = [
    {"order": Order.FAIR},
    {"ageing_ms": 10},
    {"order": Order.STRICT},
    {"length_max": 5, "when_full": WhenFull.DROP},
    {"length_max": 5, "when_full": WhenFull.REFUSE},
    {"length_max": None, "when_full": None},
    {"bytes_max": 9},
    {"bytes_max": None},
    {"concurrency_max": 2},
    {"concurrency_max": None},
    {"tenant_concurrency_max": 1},
    {"tenant_concurrency_max": None},
    {"rate_count": 5},
    {"rate_count": None},
]


class Walker:
    """Does one thing after the other."""

    def __init__(self, made: Shop, seed: int) -> None:
        self.made = made
        self.random = Random(seed)
        self.held: list[Job] = []
        self.last_id = 0
        self.steps: list[tuple[int, Callable[[], object]]] = [
            (20, self.submit),
            (4, self.replace),
            (12, self.claim),
            (10, self.end),
            (8, self.cancel),
            (5, self.redrive),
            (3, self.discard),
            (6, self.pass_time),
            (2, self.purge),
            (4, self.carry_on),
            (3, self.set),
            (2, self.pause),
            (2, self.reorder),
            (3, made.look_for_expired),
            (2, made.remove_finished),
            (2, self.fill_disk),
            (4, self.empty_disk),
            (3, self.close_gate),
            (8, self.open_gate),
            (2, self.lose),
            (3, made.park),
            (3, self.lift),
        ]

    async def walk(self) -> None:
        weights = [weight for weight, _ in self.steps]
        for number in range(STEPS):
            [(_, step)] = self.random.choices(self.steps, weights)
            with suppress(Refused):
                step()
            self.made.pump()
            for _ in range(self.random.randrange(3)):
                await anyio.lowlevel.checkpoint()
            if number % 20 == 19:
                await self.calm_down()
                await check_memory(self.made)

    async def calm_down(self) -> None:
        self.empty_disk()
        self.open_gate()
        while self.made.queue.settings.purged_until:
            self.made.purge_slice(3)
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
        for _ in range(3):
            await self.made.settled()

    def submit(self) -> None:
        self.made.submit(self.a_request())

    def replace(self) -> None:
        self.made.replace(self.a_request(key=self.random.choice("kl")))

    def a_request(self, key: str | None = None) -> SubmitRequest:
        random = self.random
        self.last_id += 1
        if key is None and random.random() < 0.2:
            key = random.choice("klm")
        return SubmitRequest(
            TaskName("echo"),
            b"x" * random.randrange(4),
            QueueName(DEFAULT),
            priority=random.choice([1, 5, 9]),
            delay_ms=random.choice([None, None, 5, 50]),
            attempts_max=random.choice([1, 2]),
            key=key,
            wishes=Wishes(
                tenant=random.choice([None, "a", "b"]),
                group=random.choice([None, None, "g", "h"]),
                deadline_ms=random.choice([None, None, 60, 300]),
                replaces=key is not None,
            ),
        )

    def some_id(self) -> JobId:
        return JobId(self.random.randrange(1, max(2, int(self.made.broker._next_id))))

    def claim(self) -> None:
        self.held += self.made.claim(jobs_max=self.random.choice([1, 3]))

    def end(self) -> None:
        self.held += self.made.delivered
        self.made.delivered.clear()
        if self.held:
            job = self.held.pop(self.random.randrange(len(self.held)))
            made, random = self.made, self.random
            ends: list[Callable[[], object]] = [
                lambda: made.complete(job),
                lambda: made.fail(job),
                lambda: made.fail(job, Failure("no", final=True)),
                lambda: made.fail(job, Failure("no", cancels=True)),
                lambda: made.release(job),
                lambda: made.release(job, delay_ms=20),
            ]
            random.choice(ends)()

    def lose(self) -> None:
        self.made.broker.lose(
            ConsumerId(1), "lost", unstarted=(), now=self.made.now, jitter=lambda: 0.5
        )

    def cancel(self) -> None:
        self.made.cancel(self.some_id())

    def redrive(self) -> None:
        def decide(job: Job, answers: object) -> bool:
            if job.state not in REDRIVABLE:
                return True
            return self.made.broker.revisions.redrive(
                job, now=self.made.now, settled=lambda told: None
            )

        self.made.about(self.some_id(), decide)

    def discard(self) -> None:
        def decide(job: Job, answers: object) -> bool:
            if job.state in FINISHED and self.made.broker.revisions.discard(job):
                self.made.journal.forget([job.id], lambda told: None)
            return True

        self.made.about(self.some_id(), decide)

    def lift(self) -> None:
        def decide(job: Job, answers: object) -> bool:
            self.made.broker.revisions.lift(job, self.random.choice([0, 5]))
            return True

        self.made.about(self.some_id(), decide)

    def pass_time(self) -> None:
        self.made.tick(self.random.choice([1, 10, 100, 15_000]))

    def purge(self) -> None:
        self.made.purge()

    def carry_on(self) -> None:
        if self.made.queue.settings.purged_until:
            self.made.purge_slice(self.random.choice([1, 3]))

    def set(self) -> None:
        self.made.set(**self.random.choice(SETTINGS))

    def pause(self) -> None:
        self.made.broker.administration.pause(
            QueueName(DEFAULT), paused=self.random.random() < 0.3, settled=lambda told: None
        )

    def reorder(self) -> None:
        if not self.made.queue.settings.reordered:
            self.made.reorder()

    def fill_disk(self) -> None:
        self.made.store.is_full = True

    def empty_disk(self) -> None:
        self.made.store.is_full = False

    def close_gate(self) -> None:
        if self.made.store.gate.is_set():
            self.made.store.gate = anyio.Event()

    def open_gate(self) -> None:
        self.made.store.gate.set()


@pytest.mark.parametrize("seed", range(40))
async def test_memory_and_store_agree_wherever_a_walk_ends(seed: int) -> None:
    async with shop() as made:
        await made.stored()
        await Walker(made, seed).walk()
