"""The kinds of values that settings have: how each is read, described and shown.

Flags and the environment bring text; TOML brings typed values and is held to its types, so that
`workers = "8"` is refused there and `PENSTOCK_WORKERS=8` is not.
Every `read` raises ValueError with a text that continues "<key> is <value>: ".
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from penstock.config.address import parse_address
from penstock.config.durations import parse_duration_ms
from penstock.config.limits import (
    CLAIM_QUEUES_MAX,
    NAME_BYTES_MAX,
    SOCKET_PATH_BYTES_MAX,
    UNAUTHENTICATED_ARGUMENT_BYTES_MAX,
)
from penstock.config.secret import Secret
from penstock.config.sizes import parse_size

_NAME: Final = re.compile(rf"[A-Za-z0-9_.:/@+-]{{1,{NAME_BYTES_MAX}}}")
_IMPORT: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*(\.[^\W\d]\w*)*)?")
_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")

NOT_SET: Final = "not set"


class Kind(Protocol):
    """How the values of one setting are read and shown."""

    @property
    def unit(self) -> str: ...
    @property
    def none_word(self) -> str:
        """What stands for None where it is shown, and where it can be given."""
        ...

    @property
    def form(self) -> str:
        """What a value must be, continuing "it must be "."""
        ...

    def read(self, raw: object, *, typed: bool) -> object:
        """Return the value; *typed* values (TOML) must already have the right type."""
        ...


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """A number within bounds, or a word that stands for None."""

    unit: str
    minimum: int
    maximum: int
    none_word: str = ""

    @property
    def form(self) -> str:
        unit = f" of {self.unit}" if self.unit else ""
        either = f', or "{self.none_word}"' if self.none_word else ""
        return f"a whole number{unit} from {self.minimum} to {self.maximum}{either}"

    def read(self, raw: object, *, typed: bool) -> int | None:
        if self.none_word and raw == self.none_word:
            return None
        number = self._number(raw, typed=typed)
        if not self.minimum <= number <= self.maximum:
            raise ValueError(f"it must be {self.form}")
        return number

    def _number(self, raw: object, *, typed: bool) -> int:
        if isinstance(raw, int) and not isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and not typed:
            if _WHOLE.fullmatch(raw):
                return int(raw)
            if self.unit == "milliseconds":
                return parse_duration_ms(raw)
            if self.unit == "bytes":
                return parse_size(raw)
        plainly = self._plainly(raw) if typed else ""
        raise ValueError(f"it must be {self.form}{plainly}")

    def _plainly(self, raw: object) -> str:
        """Say how TOML wants a number that was given as text, if it is one."""
        if not isinstance(raw, str):
            return ""
        try:
            number = self.read(raw, typed=False)
        except ValueError:
            return ""
        return f"; write {number}, without quotes"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]
    unit: str = ""
    none_word: str = NOT_SET

    @property
    def form(self) -> str:
        return f"one of {', '.join(self.words)}"

    def read(self, raw: object, *, typed: bool) -> str:
        if not isinstance(raw, str):
            raise ValueError(f"it must be {self.form}, as text in quotes")
        if raw not in self.words:
            raise ValueError(f"it must be {self.form}")
        return raw


@dataclass(frozen=True, slots=True)
class HostPort:
    """An address to listen on; `off` is None where that is allowed."""

    off: bool = False
    unit: str = ""

    @property
    def none_word(self) -> str:
        return "off" if self.off else NOT_SET

    @property
    def form(self) -> str:
        return 'HOST:PORT, such as "127.0.0.1:7711"' + (', or "off"' if self.off else "")

    def read(self, raw: object, *, typed: bool) -> object:
        if self.off and raw == "off":
            return None
        if not isinstance(raw, str):
            raise ValueError(f"it must be {self.form}, as text in quotes")
        return parse_address(raw)


@dataclass(frozen=True, slots=True)
class FilePath:
    """A file name, taken from the working directory; `~` is the home directory."""

    bytes_max: int = 4_095  # PATH_MAX of Linux less its end.
    unit: str = ""
    none_word: str = NOT_SET

    @property
    def form(self) -> str:
        return "a path"

    def read(self, raw: object, *, typed: bool) -> Path:
        if not isinstance(raw, str | Path) or not str(raw) or "\0" in str(raw):
            raise ValueError("it must be a path, as text in quotes")
        try:
            path = Path(raw).expanduser().absolute()
        except RuntimeError as error:
            raise ValueError(f"it names a home directory that is not known ({error})") from error
        length = len(str(path).encode(errors="surrogateescape"))
        if length > self.bytes_max:
            raise ValueError(
                f"{path} has {length} bytes and the system allows {self.bytes_max};"
                " choose a shorter path"
            )
        return path


def require_name(text: str, what: str) -> None:
    """Raise ValueError unless the text can name a queue, a task or a tenant."""
    if _NAME.fullmatch(text) is None:
        raise ValueError(
            f"{text!r} cannot name {what}; a name has 1 to {NAME_BYTES_MAX} letters,"
            " digits or _ . : / @ + -"
        )


SOCKET_PATH: Final = FilePath(bytes_max=SOCKET_PATH_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Names:
    """Queue names: a list in TOML, separated by commas elsewhere."""

    unit: str = ""
    none_word: str = NOT_SET

    @property
    def form(self) -> str:
        return 'a list of queue names, such as ["mail", "reports"]'

    def read(self, raw: object, *, typed: bool) -> tuple[str, ...]:
        items = raw.split(",") if isinstance(raw, str) and not typed else raw
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
            raise ValueError(f"it must be {self.form}")
        if not 1 <= len(items) <= CLAIM_QUEUES_MAX:
            raise ValueError(f"it must name 1 to {CLAIM_QUEUES_MAX} queues")
        for item in items:
            require_name(item, "a queue")
        if len(set(items)) < len(items):
            raise ValueError("it names a queue twice; name each once")
        return tuple(items)


@dataclass(frozen=True, slots=True)
class ImportString:
    """Where the tasks are: `module` or `module:attribute`."""

    unit: str = ""
    none_word: str = NOT_SET

    @property
    def form(self) -> str:
        return "MODULE or MODULE:ATTRIBUTE, such as examples.textstats"

    def read(self, raw: object, *, typed: bool) -> str:
        if not isinstance(raw, str):
            raise ValueError(f"it must be {self.form}, as text in quotes")
        if raw.endswith(".py") or "/" in raw:
            raise ValueError(f"it must be {self.form}; name the module and not its file")
        if _IMPORT.fullmatch(raw) is None:
            raise ValueError(f"it must be {self.form}")
        return raw


@dataclass(frozen=True, slots=True)
class Password:
    """A secret; clients send it with AUTH or HELLO, which bounds its length."""

    unit: str = ""
    none_word: str = NOT_SET

    @property
    def form(self) -> str:
        return f"text of 1 to {UNAUTHENTICATED_ARGUMENT_BYTES_MAX} bytes"

    def read(self, raw: object, *, typed: bool) -> Secret:
        if not isinstance(raw, str):
            raise ValueError(f"it must be {self.form}")
        length = len(raw.encode(errors="surrogateescape"))
        if not 1 <= length <= UNAUTHENTICATED_ARGUMENT_BYTES_MAX:
            raise ValueError(f"it has {length} bytes and must be {self.form}")
        return Secret(raw)
