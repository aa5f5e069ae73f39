"""The pauses before a worker process is started again."""

import pytest

from penstock.worker.restarts import Life, RestartPauses, life_of


@pytest.mark.parametrize(
    ("jobs_started", "seconds", "life"),
    [
        (0, 0.0, Life.IDLE),
        (0, 99.0, Life.IDLE),
        (1, 0.9, Life.SHORT),
        (50, 0.9, Life.SHORT),
        (1, 1.0, Life.FULL),
    ],
)
def test_a_process_is_judged_by_jobs_and_age(jobs_started: int, seconds: float, life: Life) -> None:
    assert life_of(jobs_started, seconds) is life


@pytest.mark.parametrize(
    ("lives", "pauses"),
    [
        ([Life.FULL] * 4, [0.1] * 4),
        ([Life.SHORT] * 7, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]),
        ([Life.SHORT, Life.SHORT, Life.FULL, Life.SHORT], [0.1, 0.2, 0.1, 0.2]),
        ([Life.IDLE] * 11, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]),
        ([Life.IDLE, Life.IDLE, Life.SHORT, Life.IDLE], [0.1, 0.2, 0.1, 0.1]),
    ],
)
def test_pauses_grow_with_early_deaths_in_a_row(lives: list[Life], pauses: list[float]) -> None:
    restarts = RestartPauses(jitter=lambda: 1.0)

    assert [restarts.after(life) for life in lives] == pytest.approx(pauses)
