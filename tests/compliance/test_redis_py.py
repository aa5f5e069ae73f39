"""redis-py of four generations, its twin valkey-py, and coredis, unmodified."""

import pytest

from tests.compliance.conftest import PASSWORD
from tests.compliance.installing import python_client
from tests.compliance.programs import claims, python_outcomes

pytestmark = pytest.mark.integration

OLDER = ["redis==7.4.1", "redis==6.4.0", "redis==5.2.1", "redis==5.0.8", "valkey==6.2.0"]
# `redis` alone is the one that is installed for development.
SPOKEN = [
    *(("redis", protocol) for protocol in ("default", "2", "3")),
    *((version, protocol) for version in OLDER for protocol in ("default", "3")),
]


@pytest.mark.parametrize("claim", claims("redis_py.py"))
@pytest.mark.parametrize("style", ["sync", "asyncio"])
@pytest.mark.parametrize(("version", "protocol"), SPOKEN)
def test_redis_py(
    version: str, protocol: str, style: str, claim: str, port: str, guarded_port: str
) -> None:
    name, _, older = version.partition("==")
    library = python_client(version) if older else None

    outcomes = python_outcomes(
        library, "redis_py.py", name, style, protocol, port, guarded_port, PASSWORD
    )

    assert outcomes[claim] is None, outcomes[claim]


@pytest.mark.parametrize("claim", claims("coredis_checks.py"))
def test_coredis(claim: str, port: str, guarded_port: str) -> None:
    library = python_client("coredis==6.9.0")

    outcomes = python_outcomes(library, "coredis_checks.py", port, guarded_port, PASSWORD)

    assert outcomes[claim] is None, outcomes[claim]
