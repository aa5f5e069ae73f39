"""Chores log what they do; here they are many, and what fails is told by the failure itself."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield
