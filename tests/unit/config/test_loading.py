"""Which layer wins, and what every value says of where it came from."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from penstock.config.address import Address
from penstock.config.keys import KEYS
from penstock.config.loading import LoadedSettings, load_settings
from penstock.config.origins import Origin, OriginKind
from penstock.config.secret import Secret
from penstock.config.settings import Settings


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(
    *,
    flags: dict[str, object] | None = None,
    environ: dict[str, str] | None = None,
    toml: str | None = None,
) -> LoadedSettings:
    if toml is not None:
        Path("penstock.toml").write_text(toml)
    return load_settings(flags or {}, environ or {})


def test_without_any_layer_the_defaults_are_in_force(directory: Path) -> None:
    loaded = load()

    assert loaded.settings == Settings(data=directory / "penstock-data")
    assert set(loaded.origins) == set(KEYS)
    assert {origin.kind for origin in loaded.origins.values()} == {OriginKind.DEFAULT}
    assert loaded.config_file is None


PRECEDENCE = [
    (None, None, None, 3, "default"),
    (None, None, "4", 4, "FILE"),
    (None, "5", None, 5, "PENSTOCK_ATTEMPTS_MAX"),
    (None, "5", "4", 5, "PENSTOCK_ATTEMPTS_MAX"),
    ("6", None, None, 6, "--attempts-max"),
    ("6", None, "4", 6, "--attempts-max"),
    ("6", "5", None, 6, "--attempts-max"),
    ("6", "5", "4", 6, "--attempts-max"),
    # A stronger layer wins also when it says what the default says.
    (None, "3", "4", 3, "PENSTOCK_ATTEMPTS_MAX"),
]


@pytest.mark.parametrize(("flag", "variable", "toml", "value", "origin"), PRECEDENCE)
def test_flags_beat_the_environment_which_beats_the_file_which_beats_the_defaults(
    directory: Path,
    flag: str | None,
    variable: str | None,
    toml: str | None,
    value: int,
    origin: str,
) -> None:
    loaded = load(
        flags={"attempts_max": flag},
        environ={} if variable is None else {"PENSTOCK_ATTEMPTS_MAX": variable},
        toml=None if toml is None else f"attempts_max = {toml}",
    )

    assert loaded.settings.attempts_max == value
    expected = str(directory / "penstock.toml") if origin == "FILE" else origin
    assert str(loaded.origins["attempts_max"]) == expected


# Key, TOML, text for the environment and the flags, value.
FORMS = [
    ("store", '"memory"', "memory", "memory"),
    ("disk_free_min", "1_048_576", "1MiB", 1024 * 1024),
    ("disk_free_min", '"off"', "off", None),
    ("listen", '"[::1]:7711"', "[::1]:7711", Address("::1", 7711)),
    ("listen", '"localhost:0"', "localhost:0", Address("localhost", 0)),
    ("http", '"off"', "off", None),
    ("unix", '"/run/penstock.sock"', "/run/penstock.sock", Path("/run/penstock.sock")),
    ("app", '"examples.basics:tasks"', "examples.basics:tasks", "examples.basics:tasks"),
    ("workers", "0", "0", 0),
    ("workers", '"auto"', "auto", None),
    ("queues", '["mail", "reports"]', "mail,reports", ("mail", "reports")),
    ("timeout_ms", "1_000", "1000", 1000),
    ("log_level", '"debug"', "debug", "debug"),
    ("loop", '"asyncio"', "asyncio", "asyncio"),
]


@pytest.mark.parametrize(("name", "toml", "text", "value"), FORMS)
def test_a_value_is_the_same_from_every_layer(
    name: str, toml: str, text: str, value: object
) -> None:
    loaded = [
        load(flags={name: text}),
        load(environ={KEYS[name].variable: text}),
        load(toml=f"{name} = {toml}"),
    ]

    assert [getattr(each.settings, name) for each in loaded] == [value] * 3
    assert [each.origins[name].kind for each in loaded] == [
        OriginKind.FLAG,
        OriginKind.ENVIRONMENT,
        OriginKind.FILE,
    ]


def test_durations_may_carry_a_unit_where_they_are_text() -> None:
    loaded = load(flags={"drain_ms": "10s"}, environ={"PENSTOCK_TIMEOUT_MS": "5m"})

    assert loaded.settings.drain_ms == 10_000
    assert loaded.settings.timeout_ms == 300_000


def test_flags_may_be_values_already(directory: Path) -> None:
    loaded = load(flags={"data": directory / "x", "workers": 2})

    assert loaded.settings.data == directory / "x"
    assert loaded.settings.workers == 2


def test_file_names_are_taken_from_the_working_directory(directory: Path) -> None:
    loaded = load(toml='data = "jobs"', flags={"unix": "run/sock"})

    assert loaded.settings.data == directory / "jobs"
    assert loaded.settings.unix == directory / "run" / "sock"


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")

    assert load(toml='data = "~/jobs"').settings.data == Path("/home/somebody/jobs")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        load().settings.workers = 1  # type: ignore[misc]


def test_workers_default_to_one_for_each_cpu() -> None:
    assert Settings().worker_count >= 1
    assert Settings(workers=0).worker_count == 0


# --- which file ----------------------------------------------------------------------------------


def test_a_file_that_is_named_replaces_the_one_in_the_directory(directory: Path) -> None:
    Path("penstock.toml").write_text("attempts_max = 4")
    Path("other.toml").write_text("workers = 7")

    loaded = load_settings({}, {}, Path("other.toml"))

    assert loaded.settings.workers == 7
    assert loaded.settings.attempts_max == 3
    assert loaded.config_file == directory / "other.toml"


def test_a_variable_can_name_the_file() -> None:
    Path("other.toml").write_text("workers = 7")

    assert load(environ={"PENSTOCK_CONFIG": "other.toml"}).settings.workers == 7


def test_the_file_named_by_a_flag_beats_the_one_named_by_a_variable() -> None:
    Path("a.toml").write_text("workers = 1")
    Path("b.toml").write_text("workers = 2")

    loaded = load_settings({}, {"PENSTOCK_CONFIG": "a.toml"}, Path("b.toml"))

    assert loaded.settings.workers == 2


# --- variables that are no settings --------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PENSTOCK_SERVER", "10.0.0.1:7711"),
        ("PENSTOCK_SERVICE_HOST", "10.0.0.1"),
        ("PENSTOCK_SERVICE_PORT", "7711"),
        ("PENSTOCK_SERVICE_PORT_RESP", "7711"),
        ("PENSTOCK_PORT", "tcp://10.0.0.1:7711"),
        ("PENSTOCK_PORT_7711_TCP", "tcp://10.0.0.1:7711"),
        ("PENSTOCK_PORT_7711_TCP_ADDR", "10.0.0.1"),
        ("PENSTOCK_HTTP_SERVICE_HOST", "10.0.0.2"),
        ("PENSTOCKS", "3"),
    ],
)
def test_variables_of_the_client_and_of_kubernetes_are_left_alone(variable: str, text: str) -> None:
    assert load(environ={variable: text}).settings == load().settings


# --- the password --------------------------------------------------------------------------------


def keep_password(path: Path, content: str = "open sesame\n", mode: int = 0o600) -> Path:
    path.write_text(content)
    path.chmod(mode)
    return path


def test_a_password_comes_from_the_environment() -> None:
    loaded = load(environ={"PENSTOCK_PASSWORD": "open sesame"})

    assert loaded.settings.password == Secret("open sesame")


def test_a_password_comes_from_the_settings_file() -> None:
    assert load(toml='password = "open sesame"').settings.password == Secret("open sesame")


def test_a_password_file_loses_its_last_newline_and_is_the_origin(directory: Path) -> None:
    path = keep_password(directory / "secret")

    loaded = load(flags={"password_file": str(path)})

    assert loaded.settings.password == Secret("open sesame")
    assert loaded.origins["password"] == Origin(OriginKind.FLAG, str(path))


def test_of_password_and_password_file_the_stronger_layer_decides(directory: Path) -> None:
    path = keep_password(directory / "secret")

    from_variable = load(environ={"PENSTOCK_PASSWORD": "other"}, toml=f'password_file = "{path}"')
    from_file = load(flags={"password_file": str(path)}, environ={"PENSTOCK_PASSWORD": "other"})

    assert from_variable.settings.password == Secret("other")
    assert from_file.settings.password == Secret("open sesame")


@pytest.mark.parametrize("listen", ["0.0.0.0:7711", "[::]:7711", "jobs.internal:7711"])
def test_with_a_password_the_server_may_be_reached_from_other_machines(listen: str) -> None:
    loaded = load(flags={"listen": listen}, environ={"PENSTOCK_PASSWORD": "open sesame"})

    assert str(loaded.settings.listen) == listen
