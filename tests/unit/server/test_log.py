"""What reaches the log, and in which form."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from penstock.config.limits import LOG_VALUE_CHARACTERS_MAX
from penstock.server import log


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Give pytest its own logging back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("uvicorn", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_has_one_object_a_line() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)

    log.get_logger("penstock.server").info("job_dead", job=17, error="a\nb")

    (event,) = lines(stream)
    timestamp = datetime.fromisoformat(str(event.pop("timestamp")))
    assert timestamp.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - timestamp) < timedelta(minutes=1)
    assert event == {
        "event": "job_dead",
        "level": "info",
        "logger": "penstock.server",
        "job": 17,
        "error": "a\nb",
    }


def test_auto_is_json_where_nobody_looks() -> None:
    stream = io.StringIO()
    log.configure("info", "auto", stream)

    log.get_logger("x").info("hello")

    assert lines(stream)[0]["event"] == "hello"


def test_auto_is_for_people_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    log.configure("info", "auto", stream)

    log.get_logger("x").info("hello", job=17)

    assert "hello" in stream.getvalue()
    assert "job=17" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    log.configure("info", "auto", stream)

    log.get_logger("x").info("hello")

    assert "\x1b[" in stream.getvalue()


def test_events_below_the_level_are_dropped() -> None:
    stream = io.StringIO()
    log.configure("warning", "json", stream)

    log.get_logger("x").info("quiet")
    logging.getLogger("library").info("quiet")

    assert stream.getvalue() == ""


def test_events_of_libraries_have_the_same_form() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)

    logging.getLogger("library").warning("slow: %s", "disk")

    (event,) = lines(stream)
    assert (event["event"], event["level"], event["logger"]) == ("slow: disk", "warning", "library")


def test_uvicorn_reports_only_trouble() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)

    logging.getLogger("uvicorn.error").info("Started server process [1]")

    assert stream.getvalue() == ""


CONTROLS = ["\x1b[2J", "a\rb", "a\nb", "\x00", "\x7f", "\x9b1m", "\u2028"]


@pytest.mark.parametrize("text", CONTROLS)
def test_a_peer_cannot_move_the_cursor(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    log.configure("info", "console", stream)

    log.get_logger("x").info(f"event {text}", value=text)

    assert text not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("text", CONTROLS)
def test_a_peer_cannot_forge_a_line_of_json(text: str) -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)

    log.get_logger("x").info("event", value=text)

    assert len(stream.getvalue().splitlines()) == 1
    assert lines(stream)[0]["value"] == text


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_traceback_is_logged_without_its_controls(format: str) -> None:
    stream = io.StringIO()
    log.configure("info", format, stream)

    try:
        raise ValueError("boom \x1b[2J")
    except ValueError:
        log.get_logger("x").exception("failed")

    assert "Traceback" in stream.getvalue()
    assert "boom" in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()


@pytest.mark.parametrize("field", ["payload", "result", "password", "arguments"])
def test_what_is_confidential_is_withheld_by_name(field: str) -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)

    log.get_logger("x").info("event", **{field: "hunter2"})

    assert lines(stream)[0][field] == "<withheld>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"hunter2", "<7 bytes>"),
        (bytearray(3), "<3 bytes>"),
        ([b"hunter2", 1], ["<7 bytes>", 1]),
        ({"inner": (b"hunter2",)}, {"inner": ["<7 bytes>"]}),
    ],
)
def test_bytes_are_shown_as_their_size(value: object, shown: object) -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)

    log.get_logger("x").info("event", value=value)

    assert lines(stream)[0]["value"] == shown


def test_long_values_are_cut() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)

    log.get_logger("x").info("event", value="x" * (LOG_VALUE_CHARACTERS_MAX + 7))

    assert str(lines(stream)[0]["value"]).endswith("x... (7 characters more)")


def test_configuring_again_replaces_the_old_stream() -> None:
    old, new = io.StringIO(), io.StringIO()
    log.configure("info", "json", old)
    log.configure("info", "json", new)

    log.get_logger("x").info("event")

    assert old.getvalue() == ""
    assert len(lines(new)) == 1


@pytest.mark.parametrize(("level", "format"), [("loud", "json"), ("info", "xml")])
def test_unknown_words_are_refused(level: str, format: str) -> None:
    with pytest.raises(ValueError, match="is not one of"):
        log.configure(level, format)
