"""A real redis-server and Penstock, side by side: every test here is asked of both."""

from collections.abc import Iterator

import pytest

from tests.compliance.streams.connection import Connection
from tests.compliance.streams.servers import PENSTOCK, REDIS, Server, forget_all, running


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(REDIS, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def penstock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(PENSTOCK, tmp_path_factory.mktemp("penstock")) as server:
        yield server


@pytest.fixture(params=[pytest.param(REDIS, marks=pytest.mark.program("redis-server")), PENSTOCK])
def server(request: pytest.FixtureRequest) -> Server:
    """Either of the two, with no stream in it."""
    chosen: Server = request.getfixturevalue(request.param)
    with chosen.connect() as connection:
        forget_all(connection)
    return chosen


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def protocol(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def connection(server: Server, protocol: int) -> Iterator[Connection]:
    with server.connect(protocol) as connection:
        yield connection
