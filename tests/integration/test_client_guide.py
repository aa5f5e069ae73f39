"""The examples of the client's guide run as they stand there, but for the port."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import penstock.client
from penstock.loadtest.processes import ServerProcess

pytestmark = pytest.mark.integration

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "client.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("guide") / "data"
    arguments = ("--http", "off", "--workers", "2", "--app", "examples.basics")
    with ServerProcess(data, *arguments) as server:
        yield str(server.target)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs(
    number: int,
    address: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(_here(EXAMPLES[number], address), f"example {number}", "exec"), {})

    assert capsys.readouterr().out


def test_the_modules_own_example_runs(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert penstock.client.__doc__ is not None
    lines = penstock.client.__doc__.splitlines()
    example = "\n".join(line[4:] for line in lines if line.startswith("    "))
    exec(compile(_here(example, address), "penstock.client", "exec"), {})

    assert capsys.readouterr().out == f"{[n + 1 for n in range(10)]}\n"


def _here(example: str, address: str) -> str:
    assert "127.0.0.1:7711" in example
    return example.replace("127.0.0.1:7711", address)
