"""docs/protocol.md says what the tables say."""

import runpy
import sys
from pathlib import Path
from typing import Final

import pytest

from penstock.protocol import reference
from penstock.protocol.commands import COMMANDS
from penstock.protocol.errors import ErrorCode

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = ROOT / "docs" / "protocol.md"


def test_the_page_is_what_the_generator_writes() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page == reference.render(page), "run: python -m penstock.protocol.reference"


def test_the_page_has_every_command_with_its_syntax() -> None:
    page = PAGE.read_text(encoding="utf-8")

    for command in COMMANDS.values():
        assert f"#### {command.name}\n\n```\n{command.syntax}\n```\n" in page
        for subcommand in command.subcommands.values():
            assert f"| `{subcommand.syntax}` | {subcommand.summary} |" in page


def test_the_page_has_every_option_and_code() -> None:
    page = PAGE.read_text(encoding="utf-8")

    for command in COMMANDS.values():
        for option in command.options:
            assert f"\n| `{option.keyword}`" in page
    for code in ErrorCode:
        assert f"\n| {code.value} | " in page


def test_what_people_wrote_is_kept() -> None:
    page = "# Mine\n<!-- generated: errors -->\nwritten before\n<!-- end -->\nmine\n"

    rendered = reference.render(page)

    assert rendered.startswith("# Mine\n<!-- generated: errors -->\n\n| code |")
    assert rendered.endswith("<!-- end -->\nmine\n")
    assert "written before" not in rendered


def test_a_section_that_there_is_not_is_refused() -> None:
    with pytest.raises(KeyError):
        reference.render("<!-- generated: nothing -->\n<!-- end -->")


def test_the_page_that_is_named_is_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- generated: limits -->\n<!-- end -->")

    monkeypatch.setattr(sys, "argv", ["reference", str(page)])
    runpy.run_path(reference.__file__, run_name="__main__")

    assert "Arguments of one request" in page.read_text(encoding="utf-8")


def test_without_a_name_it_is_the_page_of_the_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / reference.PAGE).write_text("mine")
    monkeypatch.chdir(tmp_path)

    reference.main([])

    assert (tmp_path / reference.PAGE).read_text(encoding="utf-8") == "mine"
