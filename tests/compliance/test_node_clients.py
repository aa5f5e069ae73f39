"""ioredis and node-redis, unmodified, and the example for Node."""

import re
from pathlib import Path

import pytest

from tests.compliance.conftest import PASSWORD
from tests.compliance.installing import node_client
from tests.compliance.programs import node_claims, node_outcomes, node_output

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "node" / "submit.mjs"

# The generations that speak RESP3, and those that do not.
IOREDIS = [("ioredis@5", "default"), *(("ioredis@6", p) for p in ("default", "2", "3"))]
NODE_REDIS = [
    ("redis@4", "default"),
    *(("redis@5", p) for p in ("default", "3")),
    *(("redis@6", p) for p in ("default", "2", "3")),
]


@pytest.mark.parametrize("claim", node_claims("ioredis.mjs"))
@pytest.mark.parametrize(("version", "protocol"), IOREDIS)
def test_ioredis(version: str, protocol: str, claim: str, port: str, guarded_port: str) -> None:
    library = node_client(version)

    outcomes = node_outcomes(library, "ioredis.mjs", protocol, port, guarded_port, PASSWORD)

    assert outcomes[claim] is None, outcomes[claim]


@pytest.mark.parametrize("claim", node_claims("node_redis.mjs"))
@pytest.mark.parametrize(("version", "protocol"), NODE_REDIS)
def test_node_redis(version: str, protocol: str, claim: str, port: str, guarded_port: str) -> None:
    library = node_client(version)

    outcomes = node_outcomes(library, "node_redis.mjs", protocol, port, guarded_port, PASSWORD)

    assert outcomes[claim] is None, outcomes[claim]


def test_the_example_prints_what_it_says(port: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("127.0.0.1:7711", f"127.0.0.1:{port}")

    printed = node_output(node_client("redis@6"), EXAMPLE.name, text)

    assert printed.split() == re.findall(r"// (\d+)$", text, re.MULTILINE) == ["5", "1"]


def test_the_example_is_the_one_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert re.findall(r"```js\n(.*?)```", readme, re.DOTALL) == [
        EXAMPLE.read_text(encoding="utf-8")
    ]
