"""Chores log what they do; here they are many, and what fails is told by the failure itself."""

from collections.abc import Iterator

import pytest
import structlog

from tests.simulation.bounds import LIMITS


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let triggers meet their limits."""
    for name, value in LIMITS.items():
        monkeypatch.setattr(name, value)
