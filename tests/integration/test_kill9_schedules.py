"""A schedule's runs are submitted once each, though the server is killed at any moment."""

import time
from pathlib import Path
from random import Random
from typing import Final

import pytest

from penstock.loadtest.processes import free_port
from tests.integration.server_process import a_server, until
from tests.integration.wire import OK, Wire, fields

pytestmark = pytest.mark.integration

KILLS = 8
# A run each second; between two kills there is one, or none.
UP_SECONDS_MAX: Final = 1.2
JOBS_MAX: Final = 1_000


def run_keys(wire: Wire, name: str) -> list[str]:
    """Return the keys of the jobs of a schedule, in the order of their submission."""
    page = wire.ask("JOB.LIST", "TASK", f"task-{name}", "COUNT", JOBS_MAX)
    assert isinstance(page, list), page
    _, jobs = page
    assert isinstance(jobs, list), page
    keys = [fields(job)["key"] for job in jobs]
    return [key.decode() for key in keys if isinstance(key, bytes)]


def test_each_run_is_submitted_once_whatever_is_killed(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    listen = f"127.0.0.1:{free_port()}"
    with a_server(tmp_path, listen=listen) as server:
        with Wire(server) as wire:
            for name, policy in (("all", "all"), ("once", "once"), ("skip", "skip")):
                words = ("CRON.SET", name, "* * * * * *", f"task-{name}", "", "MISSED", policy)
                assert wire.ask(*words) == OK
            began_ms = time.time_ns() // 1_000_000
        for _ in range(KILLS):
            time.sleep(random.uniform(0, UP_SECONDS_MAX))
            server.kill()
            server.start()
        with Wire(server) as wire:
            count = len(run_keys(wire, "all"))
            until(lambda: len(run_keys(wire, "all")) > count + 1, "it goes on")
            keys = {name: run_keys(wire, name) for name in ("all", "once", "skip")}

    slots = [int(key.rpartition(":")[2]) for key in keys["all"]]
    assert keys["all"] == [f"cron:all:{slot}" for slot in slots]
    assert slots == list(range(slots[0], slots[-1] + 1, 1_000)), "not one run each second"
    assert slots[0] - began_ms <= 1_000
    for name in ("once", "skip"):
        some = [int(key.rpartition(":")[2]) for key in keys[name]]
        assert some == sorted(set(some)), keys[name]
        assert set(some) <= set(slots), keys[name]
