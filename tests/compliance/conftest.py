"""The servers that the clients of others speak to: one open, one with a password."""

from collections.abc import Iterator

import pytest

from penstock.loadtest.processes import ServerProcess

PASSWORD = "s3 cret"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("compliance") / "data"
    arguments = ("--http", "off", "--workers", "2", "--app", "examples.basics")
    with ServerProcess(data, *arguments) as server:
        yield server


@pytest.fixture(scope="session")
def guarded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("guarded") / "data"
    arguments = ("--http", "off", "--workers", "0")
    with ServerProcess(data, *arguments, environ={"PENSTOCK_PASSWORD": PASSWORD}) as server:
        yield server


@pytest.fixture
def port(server: ServerProcess) -> str:
    return server.announced("resp").rpartition(":")[2]


@pytest.fixture
def guarded_port(guarded_server: ServerProcess) -> str:
    return guarded_server.announced("resp").rpartition(":")[2]
