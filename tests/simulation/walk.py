"""A long random run through the world, the same for the same seed."""

from random import Random
from typing import Final

from penstock.jobs.model import QueueName, TaskName
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.transitions import Cause
from tests.simulation.gate import End
from tests.simulation.model import Ask
from tests.simulation.world import World

QUEUES: Final = tuple(QueueName(name) for name in ("a", "b", "c", "d"))
PAYLOADS: Final = (b"", b"1", b"22", b"a long one, not cached")
JUMPS_MS: Final = (0, 1, 40, 100, 300, 1_000, 12_000, 400_000)
ASKS: Final = (
    Ask(Cause.COMPLETE),
    Ask(Cause.COMPLETE),
    Ask(Cause.RETRY),
    Ask(Cause.RETRY, final=True),
    Ask(Cause.RELEASE),
)


class Walk:
    """Draws what happens next; some times are busier, fuller or more dangerous than others."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self._full = 0.0  # The chance that a commit finds no room, for the time being.
        self._steps = {
            self._submit: 30,
            self._submit_many: 4,
            self._claim: 22,
            self._end: 40,
            self._commit: 60,
            self._time: 12,
            self._wait: 8,
            self._rarely: 12,
        }

    def run(self, steps: int) -> None:
        names, weights = list(self._steps), list(self._steps.values())
        for step in self._random.choices(names, weights, k=steps):
            step()
        self._full = 0.0
        self._world.finish_everything()

    def _request(self) -> SubmitRequest:
        random = self._random
        key = f"key-{random.randrange(12)}" if random.random() < 0.3 else None
        return SubmitRequest(
            TaskName("t"),
            random.choice(PAYLOADS) if key is None else random.choice(PAYLOADS[:2]),
            random.choice((*QUEUES[:3] * 5, QUEUES[3])) if key is None else QUEUES[0],
            priority=random.choice((0, 1, 2, 2, 2)),
            delay_ms=random.choice((None, None, None, 0, 50, 2_000)),
            timeout_ms=random.choice((500, 60_000)),
            attempts_max=random.randint(1, 3),
            key=key,
        )

    def _submit(self) -> None:
        wait_ms = self._random.choice((None, None, 0, 10, 100_000))
        self._world.submit(self._request(), wait_ms=wait_ms)

    def _submit_many(self) -> None:
        count = self._random.randint(1, 9)
        self._world.submit_together([self._request() for _ in range(count)])

    def _claim(self) -> None:
        random = self._random
        queues = tuple(random.sample(QUEUES, random.randint(1, 3)))
        self._world.claim(
            random.randrange(4), queues, random.choice((1, 1, 2, 9)), random.choice((0, 80, 9_000))
        )

    def _end(self) -> None:
        random = self._random
        index = random.choice((0, 1, 2, 4, 8, 16, 64))
        self._world.end_attempt(index, random.choice(ASKS), jitter=random.random())

    def _commit(self) -> None:
        end = End.FULL if self._random.random() < self._full else End.WRITTEN
        self._world.end_commit(end)

    def _time(self) -> None:
        self._world.pass_time(self._random.choice(JUMPS_MS))

    def _wait(self) -> None:
        random = self._random
        last = max(self._world.model.jobs, default=1)
        self._world.wait_for(max(1, last - random.randrange(-2, 12)), random.choice((0, 50, 9_000)))

    def _rarely(self) -> None:
        random, world = self._random, self._world
        draw = random.randrange(30)
        if draw < 4:
            world.disconnect(random.randrange(4), started_every=random.choice((1, 2)))
        elif draw < 6:
            world.give_back(random.randrange(4))
        elif draw < 9:
            world.extend(random.randrange(8), random.choice((None, 1, 900)))
        elif draw < 11:
            world.abandon_wait(random.randrange(8))
        elif draw < 13:
            world.unclaim(random.randrange(8), answered=random.random() < 0.5)
        elif draw < 16:
            world.remove(random.randint(1, 4))
        elif draw < 20:
            self._full = random.choice((0.0, 0.4, 0.9))
        elif draw < 23:
            world.end_pause()
        elif draw == 23:
            world.end_commit(random.choice((End.FAILED, End.FAILED_LATE)))
        elif draw < 28:
            world.calm_down()
        else:
            world.crash(written=random.random() < 0.5)
