"""`penstock config` shows what would be in force, and where it comes from."""

import json
from pathlib import Path

import pytest

from penstock.cli.exits import Exit
from penstock.config.keys import KEYS
from tests.unit.cli.conftest import Penstock


def rows(out: str) -> dict[str, tuple[str, str]]:
    table = {}
    for line in out.splitlines():
        name, value, origin = line.split("\t")
        table[name] = (value, origin)
    return table


def test_every_setting_is_shown_with_its_value_and_its_origin(
    penstock: Penstock, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "penstock.toml").write_text("attempts_max = 4\nworkers = 4")
    monkeypatch.setenv("PENSTOCK_WORKERS", "5")

    ended = penstock("config", "--log-level", "debug")

    shown = rows(ended.out)
    assert ended.code == Exit.OK
    assert list(shown) == list(KEYS)
    assert shown["attempts_max"] == ("4", str(directory / "penstock.toml"))
    assert shown["workers"] == ("5", "PENSTOCK_WORKERS")
    assert shown["log_level"] == ("debug", "--log-level")
    assert shown["retry_cap_ms"] == ("600000", "default")
    assert shown["unix"] == ("not set", "default")
    assert shown["queues"] == ("default", "default")


def test_programs_get_json(penstock: Penstock) -> None:
    document = json.loads(penstock("config", "--json", "--queues", "a,b", "--http", "off").out)

    assert document["config_file"] is None
    assert document["settings"]["queues"] == {
        "value": ["a", "b"],
        "from": "flag",
        "origin": "--queues",
    }
    assert document["settings"]["http"]["value"] is None
    assert document["settings"]["attempts_max"]["value"] == 3
    assert document["settings"]["password"]["value"] is None


def test_settings_of_queues_are_shown_with_the_file_they_come_from(
    penstock: Penstock, directory: Path
) -> None:
    file = directory / "penstock.toml"
    file.write_text('[queue.mail]\nlength_max = 5\n[queue."a.b"]\nretry_delays_ms = [1, 2]')

    shown = rows(penstock("config").out)
    document = json.loads(penstock("config", "--json").out)

    assert shown["queue.mail.length_max"] == ("5", str(file))
    assert shown['queue."a.b".retry_delays_ms'] == ("1,2", str(file))
    origin = {"from": "file", "origin": str(file)}
    assert document["queues"] == {
        "mail": {"length_max": {"value": 5, **origin}},
        "a.b": {"retry_delays_ms": {"value": [1, 2], **origin}},
    }


def test_all_mistakes_are_told_at_once(penstock: Penstock, directory: Path) -> None:
    (directory / "penstock.toml").write_text("drain = 4\nworkers = -1")

    lines = penstock("config").err.splitlines()

    assert lines[0] == "penstock: the settings have 2 mistakes:"
    assert [line[:10] for line in lines[1:]] == ["- drain (i", "- workers "]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_password_is_shown_as_set_and_nothing_more(
    penstock: Penstock, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    monkeypatch.setenv("PENSTOCK_PASSWORD", "open sesame")

    ended = penstock("config", *form)

    assert "sesame" not in ended.out + ended.err
    assert "set" in (rows(ended.out)["password"] if not form else ended.out)


def test_what_the_server_would_refuse_is_refused(penstock: Penstock, directory: Path) -> None:
    (directory / "penstock.toml").write_text("drain = 4")

    ended = penstock("config")

    assert ended.code == Exit.USAGE
    assert ended.err == (
        f"penstock: drain (in {directory / 'penstock.toml'}) is no setting; did you mean"
        " drain_ms?\n"
    )


def test_serve_and_config_take_a_flag_for_every_setting_but_the_password(
    penstock: Penstock,
) -> None:
    for verb in ("serve", "config"):
        told = penstock(verb, "--help").out
        for key in KEYS.values():
            assert key.flag is None or f"{key.flag} " in told, key.name
            assert key.flag is None or key.variable in told, key.name
        assert "--password " not in told
