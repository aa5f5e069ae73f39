"""How a worker process and the program that keeps it end."""

import pytest

from penstock.cli import exits as cli
from penstock.config import limits
from penstock.worker import exits as worker
from penstock.worker.child import _parser


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (worker.Exit.DRAINED, cli.Exit.OK),
        (worker.Exit.UNUSABLE, cli.Exit.USAGE),
        (worker.Exit.REFUSED, cli.Exit.REFUSED),
        (worker.EXIT_SECOND_SIGNAL, cli.Exit.STOPPED_AT_ONCE),
    ],
)
def test_the_command_line_says_the_same_codes(code: int, said: int) -> None:
    assert code == said


def test_async_jobs_at_once_are_limited_as_everywhere() -> None:
    options = _parser().parse_args(["--app", "a", "--queues", "default", "--fd", "3"])

    assert options.concurrency == limits.CONCURRENCY_DEFAULT
