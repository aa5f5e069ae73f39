"""A long random run through the world, the same for the same seed."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from penstock.jobs.model import QueueName, TaskName
from penstock.jobs.policy import RetryWish, SubmitRequest, Wishes
from penstock.jobs.queue_settings import Order, WhenFull
from penstock.jobs.transitions import Cause
from tests.simulation.asked import Ask
from tests.simulation.gate import End
from tests.simulation.world import World

QUEUES: Final = tuple(QueueName(name) for name in ("a", "b", "c", "d"))
PAYLOADS: Final = (b"", b"1", b"22", b"a long one, not cached")
JUMPS_MS: Final = (0, 1, 40, 100, 300, 1_000, 12_000, 400_000)
STEPS_MS: Final = (-3_000_000, -5_000, -1, 1, 700, 60_000)
ASKS: Final = (
    *(Ask(Cause.COMPLETE),) * 5,
    *(Ask(Cause.RETRY),) * 3,
    Ask(Cause.RETRY, after_ms=30),
    Ask(Cause.RETRY, final=True),
    Ask(Cause.RETRY, cancels=True),
    *(Ask(Cause.RELEASE),) * 2,
    Ask(Cause.RELEASE, delay_ms=60),
)
# What people set; each is a group of settings that go together.
SETTINGS: Final[tuple[Mapping[str, object], ...]] = (
    {"order": Order.STRICT},
    {"ageing_ms": 50},
    {"ageing_ms": 4_000},
    {"order": Order.FAIR},
    {"length_max": 6, "when_full": WhenFull.REFUSE},
    {"length_max": 5, "when_full": WhenFull.WAIT, "reserve_percent": 40},
    {"length_max": 4, "when_full": WhenFull.DROP},
    {"bytes_max": 30, "when_full": WhenFull.REFUSE, "reserve_percent": 0},
    {"bytes_max": 25, "when_full": WhenFull.WAIT},
    {"bytes_max": 24, "when_full": WhenFull.DROP},
    {"length_max": None, "bytes_max": None, "when_full": None, "reserve_percent": None},
    {"concurrency_max": 2},
    {"tenant_concurrency_max": 1},
    {"tenant_concurrency_max": 2},
    {"concurrency_max": None, "tenant_concurrency_max": None},
    {"rate_count": 3, "rate_period_ms": 1_000, "burst": 2},
    {"rate_count": 10, "rate_period_ms": 500, "burst": 1},
    {"rate_count": None, "rate_period_ms": None, "burst": None},
    {"retry_delays_ms": (5, 70)},
    {"retry_delays_ms": None, "retry_base_ms": 40, "retry_cap_ms": 90, "retry_jitter": False},
    {"keep_ms": 2_000, "dead_keep_ms": 3_000},
)
RATES: Final = [settings for settings in SETTINGS if "rate_count" in settings][:2]
ORDERS: Final = [settings for settings in SETTINGS if settings.keys() & {"order", "ageing_ms"}]
WISHES: Final = (
    Wishes(deadline_ms=30),
    Wishes(deadline_ms=900),
    Wishes(keep_ms=1),
    Wishes(retry=RetryWish(delays_ms=(3, 9))),
    Wishes(retry=RetryWish(base_ms=10, cap_ms=20, jitter=False)),
)
TENANTS: Final = (None, "s", "t", "u", "v")
GROUPS: Final = ("g", "h")


class Walk:
    """Draws what happens next; some times are busier, fuller or more dangerous than others.

    Each walk is about some of the policies; all at once they would hide each other.
    """

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self._full = 0.0  # The chance that a commit finds no room, for the time being.
        self._grouped = random.choice((0.0, 0.0, 0.2, 0.6))
        self._keyed = random.choice((0.1, 0.3, 0.6))
        self._tenants = random.choice((TENANTS[:1], TENANTS, TENANTS))
        self._wished = random.choice((0.0, 0.2, 0.5))
        self._set = random.choice(
            (random.sample(SETTINGS, random.choice((0, 3, 6, len(SETTINGS)))), RATES, ORDERS)
        )
        self._crashes = random.choice((0, 1, 4))
        self._steps: dict[Callable[[], None], int] = {
            self._submit: 30,
            self._submit_many: 4,
            self._claim: 22,
            self._end: 40,
            self._commit: 60,
            self._time: 12,
            self._wait: 8,
            self._person: 10,
            self._administer: 6 if self._set else 1,
            self._housekeep: 5,
            self._rarely: 12,
        }

    def run(self, steps: int) -> None:
        names, weights = list(self._steps), list(self._steps.values())
        for step in self._random.choices(names, weights, k=steps):
            step()
        self._full = 0.0
        self._world.finish_everything()

    # --- clients -------------------------------------------------------------------------------

    def _request(self, *, may_replace: bool = True) -> SubmitRequest:
        random = self._random
        key = f"key-{random.randrange(12)}" if random.random() < self._keyed else None
        return SubmitRequest(
            TaskName("t"),
            random.choice(PAYLOADS) if key is None else random.choice(PAYLOADS[:2]),
            random.choice((*QUEUES[:3] * 5, QUEUES[3])) if key is None else QUEUES[0],
            priority=random.choice((0, 1, 2, 1_000, None)),
            delay_ms=random.choice((None, None, None, 0, 50, 2_000)),
            timeout_ms=random.choice((500, 60_000)),
            attempts_max=random.randint(1, 3),
            key=key,
            wishes=self._wishes(key, may_replace=may_replace),
            is_call=random.random() < 0.1,
        )

    def _wishes(self, key: str | None, *, may_replace: bool) -> Wishes:
        random = self._random
        wishes = random.choice(WISHES) if random.random() < self._wished else Wishes()
        return Wishes(
            tenant=random.choice(self._tenants),
            group=random.choice(GROUPS) if random.random() < self._grouped else None,
            deadline_ms=wishes.deadline_ms,
            keep_ms=wishes.keep_ms,
            retry=wishes.retry,
            window_ms=random.choice((None, None, 90, 5_000)) if key else None,
            replaces=key is not None and may_replace and random.random() < 0.4,
        )

    def _submit(self) -> None:
        wait_ms = self._random.choice((None, None, 0, 10, 100_000))
        self._world.clients.submit(self._request(), wait_ms=wait_ms)

    def _submit_many(self) -> None:
        count = self._random.randint(1, 9)
        requests = [self._request(may_replace=False) for _ in range(count)]
        self._world.clients.submit_together(requests)

    def _wait(self) -> None:
        job_id = max(1, self._some_job() - self._random.randrange(-2, 2))
        self._world.clients.wait_for(job_id, self._random.choice((0, 50, 9_000)))

    # --- workers -------------------------------------------------------------------------------

    def _claim(self) -> None:
        random = self._random
        queues = tuple(random.sample(QUEUES, random.randint(1, 3)))
        self._world.workers.claim(
            random.randrange(4), queues, random.choice((1, 1, 2, 9)), random.choice((0, 80, 9_000))
        )

    def _end(self) -> None:
        random = self._random
        index = random.choice((0, 1, 2, 4, 8, 16, 64))
        self._world.workers.end_attempt(index, random.choice(ASKS), jitter=random.random())

    # --- people --------------------------------------------------------------------------------

    def _some_job(self) -> int:
        last = max(self._world.durable.jobs(), default=1)
        return max(1, last - self._random.choice((0, 1, 2, 4, 8, 16, 30)))

    def _person(self) -> None:
        people, job_id = self._world.people, self._some_job()
        draw = self._random.randrange(10)
        if draw < 5:
            people.cancel(job_id)
        elif draw < 8:
            people.redrive(job_id)
        else:
            people.discard(job_id)

    def _administer(self) -> None:
        random, people = self._random, self._world.people
        queue = random.choice(QUEUES[:3])
        draw = random.randrange(10)
        if draw < 6 and self._set:
            people.set(queue, random.choice(self._set))
        elif draw < 7:
            weights = {t: random.choice((None, 1, 2, 5)) for t in TENANTS[1:3]}
            people.set(queue, {"order": Order.FAIR}, weights)
        elif draw < 8:
            people.purge(queue)
        else:
            people.pause(queue, paused=random.random() < 0.4)

    def _housekeep(self) -> None:
        if self._random.random() < 0.5:
            self._world.people.look_for_expired(self._random.randint(1, 4))
        else:
            self._world.people.remove(self._random.randint(1, 4))

    # --- the world -----------------------------------------------------------------------------

    def _commit(self) -> None:
        end = End.FULL if self._random.random() < self._full else End.WRITTEN
        self._world.end_commit(end)

    def _time(self) -> None:
        self._world.pass_time(self._random.choice(JUMPS_MS))

    def _rarely(self) -> None:
        random, world = self._random, self._world
        draw = random.randrange(32)
        if draw < 4:
            world.workers.disconnect(random.randrange(4), started_every=random.choice((1, 2)))
        elif draw < 6:
            world.workers.give_back(random.randrange(4))
        elif draw < 9:
            world.workers.extend(random.randrange(8), random.choice((None, 1, 900)))
        elif draw < 11:
            world.workers.say(random.randrange(8), random.randrange(100))
        elif draw < 13:
            world.clients.abandon_wait(random.randrange(8))
        elif draw < 15:
            world.workers.unclaim(random.randrange(8), answered=random.random() < 0.5)
        elif draw < 16:
            world.clients.give_up_room(random.randrange(8))
        else:
            self._disturb()

    def _disturb(self) -> None:
        random, world = self._random, self._world
        draw = random.randrange(16)
        if draw < 4:
            self._full = random.choice((0.0, 0.4, 0.9))
        elif draw < 7:
            world.end_pause()
        elif draw < 9:
            world.step_clock(random.choice(STEPS_MS))
        elif draw < 12:
            world.calm_down()
        elif draw < 12 + self._crashes:
            self._crash()

    def _crash(self) -> None:
        end = self._random.choice((None, None, End.FAILED, End.FAILED_LATE))
        if end is None:
            self._world.crash(written=self._random.random() < 0.5)
        else:
            self._world.end_commit(end)
