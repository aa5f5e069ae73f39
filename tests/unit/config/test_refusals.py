"""What cannot be meant refuses to start, and says which key, from where, and what to do."""

from pathlib import Path

import pytest

from penstock.config.errors import SettingsError
from penstock.config.loading import load_settings


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(
    *,
    flags: dict[str, object] | None = None,
    environ: dict[str, str] | None = None,
    toml: str | bytes | None = None,
) -> str:
    if toml is not None:
        Path("penstock.toml").write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    with pytest.raises(SettingsError) as caught:
        load_settings(flags or {}, environ or {})
    return str(caught.value)


IN_FILES = [
    # Unknown keys.
    ("worker = 8", "worker (in {file}) is no setting; did you mean workers?"),
    ("Workers = 8", "Workers (in {file}) is no setting; did you mean workers?"),
    ("zebra = 8", "zebra (in {file}) is no setting; penstock config prints the keys there are"),
    ("[limits]\nworkers = 8", "limits (in {file}) is a table"),
    ("[limits]\nworkers = 8", "such as workers = ..., without [limits]"),
    ("[queues.mail]\nlength_max = 8", "settings of one queue stand under [queue.NAME]"),
    # Wrong types. TOML has types and is held to them.
    ('workers = "8"', "workers is '8' (in {file}): it must be a whole number of processes"),
    ('workers = "8"', "; write 8, without quotes"),
    ('drain_ms = "10s"', "; write 10000, without quotes"),
    ('payload_bytes_max = "1MiB"', "; write 1048576, without quotes"),
    ('workers = "many"', """from 0 to 1024, or "auto\""""),
    ("workers = auto", """Text stands in quotes (workers = "auto")"""),
    ("drain_ms = 5m", "durations are plain milliseconds"),
    ("store = 1", "it must be one of sqlite, memory, as text in quotes"),
    ("workers = true", "workers is true (in {file}): it must be a whole number"),
    ("workers = 8.0", "workers is 8.0 (in {file}): it must be a whole number"),
    ('drain_ms = "10s"', "drain_ms is '10s' (in {file}): it must be a whole number of milli"),
    ("data = 1", "data is 1 (in {file}): it must be a path, as text"),
    ("listen = 7711", "listen is 7711 (in {file}): it must be HOST:PORT"),
    ("listen = 'off'", "listen is 'off' (in {file}): it must be HOST:PORT"),
    ("http = false", "http is false (in {file}): it must be HOST:PORT, such as"),
    ("queues = 'mail'", "queues is 'mail' (in {file}): it must be a list of queue names"),
    ("queues = [1]", "queues is [1] (in {file}): it must be a list of queue names"),
    ("password = 1234", "password (in {file}): it must be text of 1 to 16384 bytes"),
    # Values out of range; a limit of 0 is never meant.
    ("queues = []", "queues is [] (in {file}): it must name 1 to 256 queues"),
    ("queues = ['a', 'a']", "it names a queue twice; name each once"),
    ("queues = ['a b']", "'a b' cannot name a queue; a name has 1 to 200 letters"),
    ("loop = 'trio'", "loop is 'trio' (in {file}): it must be one of uvloop, asyncio"),
    ("store = 'postgres'", "it must be one of sqlite, memory"),
    ("app = 'tasks.py'", "such as examples.textstats; name the module and not its file"),
    ("app = 'a:b:c'", "it must be MODULE or MODULE:ATTRIBUTE"),
    ("workers = -1", "workers is -1 (in {file}): it must be a whole number of processes from 0"),
    ("workers = 1025", 'from 0 to 1024, or "auto"'),
    ("unix = '" + "x" * 120 + "'", "the system allows 107; choose a shorter path"),
    ("data = ''", "data is '' (in {file}): it must be a path"),
    ("password = ''", "password (in {file}): it has 0 bytes"),
    # Not a settings file at all.
    ("workers = ", "the settings file {file} is not valid TOML: Invalid value (at"),
    (b"workers = 1 # \xff", "{file} is not UTF-8 text"),
    (b"#" * (1024 * 1024 + 1), "{file} is larger than 1048576 bytes"),
]


@pytest.mark.parametrize(("toml", "said"), IN_FILES)
def test_a_mistake_in_the_file_is_named_with_the_file(
    directory: Path, toml: str | bytes, said: str
) -> None:
    assert said.format(file=directory / "penstock.toml") in refusal(toml=toml)


LIMITS = [
    "connections_max",
    "requests_in_flight_max",
    "output_bytes_max",
    "concurrency",
    "timeout_ms",
    "attempts_max",
    "retry_base_ms",
    "retry_cap_ms",
    "result_keep_ms",
    "dead_keep_ms",
    "payload_bytes_max",
    "result_bytes_max",
    "drain_ms",
    "disk_free_min",
]


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_of_zero_is_refused(name: str) -> None:
    said = refusal(environ={f"PENSTOCK_{name.upper()}": "0"})

    assert said.startswith(f"{name} is 0 (from PENSTOCK_{name.upper()}): it must be a whole number")


@pytest.mark.parametrize("name", ["payload_bytes_max", "result_bytes_max"])
def test_nothing_may_be_larger_than_what_one_argument_may_be(name: str) -> None:
    assert "bytes from 1 to 67108864" in refusal(toml=f"{name} = 67108865")


IN_VARIABLES = [
    ("PENSTOCK_WORKES", "1", "is no setting; did you mean PENSTOCK_WORKERS?"),
    ("PENSTOCK_workers", "1", "is no setting; did you mean PENSTOCK_WORKERS?"),
    ("PENSTOCK_PASSWRD", "x", "is no setting; did you mean PENSTOCK_PASSWORD?"),
    ("PENSTOCK_SERVERS", "x", "is no setting; did you mean PENSTOCK_SERVER?"),
    ("PENSTOCK_ZEBRA", "1", "is no setting; correct or unset it"),
    ("PENSTOCK_PORT", "7711", "PENSTOCK_PORT in the environment is no setting"),
    ("PENSTOCK_WORKERS", "", "PENSTOCK_WORKERS in the environment is empty"),
    ("PENSTOCK_WORKERS", "+5", "workers is +5 (from PENSTOCK_WORKERS): it must be a whole"),
    ("PENSTOCK_WORKERS", "1_0", "workers is 1_0 (from PENSTOCK_WORKERS)"),
    ("PENSTOCK_WORKERS", " 5", "workers is ' 5' (from PENSTOCK_WORKERS)"),
    ("PENSTOCK_WORKERS", "5s", "workers is 5s (from PENSTOCK_WORKERS)"),
    ("PENSTOCK_TIMEOUT_MS", "5 s", "a duration is 500ms, 10s, 5m, 1h"),
    ("PENSTOCK_LISTEN", "7711", "listen is 7711 (from PENSTOCK_LISTEN)"),
    ("PENSTOCK_CONFIG", "", "PENSTOCK_CONFIG is empty: name a TOML file or unset it"),
    ("PENSTOCK_CONFIG", "nowhere.toml", "nowhere.toml cannot be read (No such file"),
]


@pytest.mark.parametrize(("variable", "text", "said"), IN_VARIABLES)
def test_a_mistake_in_the_environment_is_named_with_the_variable(
    variable: str, text: str, said: str
) -> None:
    message = refusal(environ={variable: text})

    assert said in message


IN_FLAGS: list[tuple[dict[str, object], str]] = [
    ({"workers": "many"}, "workers is many (from --workers): it must be a whole number"),
    ({"log_level": "loud"}, "log_level is loud (from --log-level): it must be one of debug"),
    ({"wrokers": "1"}, "wrokers (from --wrokers) is no setting; did you mean workers?"),
    ({"password": "secret"}, "password cannot be given as a flag, which every user"),
]


@pytest.mark.parametrize(("flags", "said"), IN_FLAGS)
def test_a_mistake_in_a_flag_is_named_with_the_flag(flags: dict[str, object], said: str) -> None:
    assert said in refusal(flags=flags)


def test_a_mistake_is_reported_though_a_stronger_layer_hides_it() -> None:
    assert "workers is 'x'" in refusal(flags={"workers": "1"}, toml="workers = 'x'")


def test_all_mistakes_of_all_layers_are_told_at_once() -> None:
    said = refusal(
        flags={"loop": "trio"},
        environ={"PENSTOCK_ZEBRA": "1", "PENSTOCK_DRAIN_MS": "soon"},
        toml="workers = true\nworker = 3\nqueue.mail.length_max = 0",
    )

    head, *lines = said.splitlines()
    assert head == "the settings have 6 mistakes:"
    assert [line.split()[1] for line in lines] == [
        "workers", "worker", "queue.mail.length_max", "drain_ms", "PENSTOCK_ZEBRA", "loop",
    ]  # fmt: skip


def test_a_file_of_mistakes_alone_is_not_told_in_full() -> None:
    said = refusal(toml="\n".join(f"zebra{number} = 1" for number in range(1000)))

    assert said.startswith("the settings have 1000 mistakes:\n- zebra0 ")
    assert said.endswith("\nand 980 more")


def test_settings_at_odds_are_told_at_once() -> None:
    said = refusal(flags={"listen": "0.0.0.0:7711", "retry_cap_ms": "10"})

    assert [line.split()[1] for line in said.splitlines()[1:]] == ["listen", "retry_base_ms"]


def test_the_error_carries_its_key_and_its_origin() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {"PENSTOCK_WORKERS": "x"})

    assert caught.value.key == "workers"
    assert str(caught.value.origin) == "PENSTOCK_WORKERS"


# --- relations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("listen", ["0.0.0.0:7711", "[::]:7711", "10.0.0.1:0", "jobs.internal:1"])
def test_listening_beyond_the_loopback_needs_a_password(listen: str) -> None:
    said = refusal(flags={"listen": listen})

    port = listen.rpartition(":")[2]
    assert said == (
        f"listen is {listen} (from --listen), which other machines may reach, and no password is"
        f" set: set PENSTOCK_PASSWORD, or listen on 127.0.0.1:{port}"
    )


def test_two_listeners_cannot_share_one_address(directory: Path) -> None:
    assert refusal(flags={"http": "127.0.0.1:7711"}) == (
        "listen (by default) and http (from --http) are both 127.0.0.1:7711:"
        " give them different ports, or set http to off"
    )


def test_a_backoff_cannot_begin_above_its_cap() -> None:
    assert refusal(environ={"PENSTOCK_RETRY_CAP_MS": "10"}) == (
        "retry_base_ms is 1000 (by default) and more than retry_cap_ms, which is 10"
        " (from PENSTOCK_RETRY_CAP_MS): lower the one or raise the other"
    )


def test_a_result_must_fit_into_the_output_of_a_connection() -> None:
    assert "result_bytes_max is 1048576 (by default) and more than output_bytes_max" in refusal(
        flags={"output_bytes_max": "524288"}
    )


# --- the password --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o777])
def test_a_password_file_that_others_may_open_is_refused(directory: Path, mode: int) -> None:
    path = directory / "secret"
    path.write_text("open sesame")
    path.chmod(mode)

    said = refusal(flags={"password_file": str(path)})

    assert f"other users may open it (mode {mode:04o}); run chmod 600 {path}" in said


def test_a_password_file_that_is_missing_is_refused(directory: Path) -> None:
    said = refusal(toml="password_file = 'secret'")

    assert f"password_file is {directory / 'secret'} (in {directory / 'penstock.toml'})" in said
    assert "cannot be read (No such file or directory)" in said


def test_a_password_file_that_is_empty_is_refused(directory: Path) -> None:
    path = directory / "secret"
    path.touch(mode=0o600)

    assert "it has 0 bytes" in refusal(flags={"password_file": str(path)})


def test_password_and_password_file_of_one_layer_are_refused() -> None:
    said = refusal(environ={"PENSTOCK_PASSWORD": "a", "PENSTOCK_PASSWORD_FILE": "b"})

    assert said == (
        "password (from PENSTOCK_PASSWORD) and password_file (from PENSTOCK_PASSWORD_FILE)"
        " are both set: keep one of them"
    )


@pytest.mark.parametrize(
    ("toml", "secret"),
    [
        ("password = 12345678", "12345678"),
        (f"password = '{'sesame' * 3000}'", "sesame"),
        ("password = ['sesame']", "sesame"),
    ],
)
def test_no_complaint_about_a_password_shows_it(toml: str, secret: str) -> None:
    Path("penstock.toml").write_text(toml)
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {})

    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_settings_file_that_is_a_directory_is_refused(directory: Path) -> None:
    (directory / "penstock.toml").mkdir()

    assert "cannot be read (Is a directory); name an existing file with --config" in refusal()
