"""A payload's way to a task's parameters: JSON, checked against the annotations."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final, TypeAlias

import msgspec
import msgspec.inspect

from penstock.worker.errors import ArgumentError, TaskError
from penstock.worker.task import annotations

Arguments: TypeAlias = tuple[Sequence[object], Mapping[str, object]]

_BLANKS: Final = b" \t\r\n"
_NO_KEYWORDS: Final[Mapping[str, object]] = {}
# What decoding hostile bytes raises: wrong type or syntax, not UTF-8, nested too deep.
DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
_MESSAGE: Final = re.compile(r"(?P<text>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])

_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class ArgumentDecoder:
    """Reads payloads for one function.

    An array is positional arguments, an object keyword arguments, `{"*": […], "name": …}` both,
    anything else the one argument, nothing no argument. A parameter without an annotation takes
    any JSON value.

    Raises:
        TaskError: an annotation cannot be checked against JSON.
    """

    def __init__(self, name: str, fn: Callable[..., object]) -> None:
        self._name = name
        hints = annotations(fn)
        parameters = list(inspect.signature(fn).parameters.values())
        self._positional = [p for p in parameters if p.kind in _POSITIONAL]
        self._by_keyword = {
            p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }
        self._rest = next((p for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self._keywords = next((p for p in parameters if p.kind is p.VAR_KEYWORD), None)
        self._decoders = {
            p.name: value_decoder(name, p.name, hints.get(p.name, Any)) for p in parameters
        }
        self._whole = self._whole_decoder(parameters, hints)

    def decode(self, payload: bytes) -> Arguments:
        """Read the arguments of one call.

        Raises:
            ArgumentError: says which argument is wrong, and how.
        """
        if self._whole is not None and payload[:1] == b"[":
            try:
                return self._whole.decode(payload), _NO_KEYWORDS
            except DECODE_ERRORS:
                pass  # Argument by argument the error can name the parameter.
        positional, keywords = self._split(payload)
        return self._bind(positional, keywords)

    def _whole_decoder(
        self, parameters: Sequence[inspect.Parameter], hints: Mapping[str, object]
    ) -> msgspec.json.Decoder[Any] | None:
        """Build the fast way, one call for all arguments, for functions of the plainest kind."""
        plain = all(p.kind in _POSITIONAL and p.default is p.empty for p in parameters)
        if not parameters or not plain:
            return None
        types = tuple(hints.get(p.name, Any) for p in parameters)
        whole: Any = tuple.__class_getitem__(types)
        try:
            return msgspec.json.Decoder(whole, dec_hook=_from_json)
        except TypeError:
            return None

    def _split(self, payload: bytes) -> tuple[list[msgspec.Raw], dict[str, msgspec.Raw]]:
        text = payload.strip(_BLANKS)
        if not text:
            return [], {}
        try:
            if text.startswith(b"["):
                return _ARRAY.decode(text), {}
            if not text.startswith(b"{"):
                return [msgspec.Raw(text)], {}
            keywords = _OBJECT.decode(text)
            positional = keywords.pop("*", None)
            return [] if positional is None else _ARRAY.decode(positional), keywords
        except DECODE_ERRORS as error:
            raise ArgumentError(
                f"{self._name}(): the payload is not the JSON of a call: {_text(error)}"
            ) from None

    def _bind(
        self, positional: Sequence[msgspec.Raw], keywords: Mapping[str, msgspec.Raw]
    ) -> Arguments:
        if len(positional) > len(self._positional) and self._rest is None:
            raise ArgumentError(
                f"{self._name}(): takes {_count(len(self._positional))} by position, "
                f"got {len(positional)}"
            )
        args = [
            self._value(parameter.name, raw)
            for parameter, raw in zip(self._positional, positional, strict=False)
        ]
        if self._rest is not None:
            args += [
                self._value(self._rest.name, raw) for raw in positional[len(self._positional) :]
            ]
        given = {parameter.name for parameter in self._positional[: len(positional)]}
        kwargs = {name: self._keyword(name, raw, given) for name, raw in keywords.items()}
        self._require_all(given | kwargs.keys())
        return args, kwargs

    def _keyword(self, name: str, raw: msgspec.Raw, given: set[str]) -> object:
        if name in self._by_keyword:
            if name in given:
                raise ArgumentError(
                    f"{self._name}(): {name!r} is given twice, by position and by name"
                )
            return self._value(name, raw)
        if self._keywords is not None:
            return self._value(self._keywords.name, raw, shown=name)
        known = ", ".join(self._by_keyword) or "none"
        raise ArgumentError(f"{self._name}(): has no parameter {name!r}; it has: {known}")

    def _require_all(self, given: set[str]) -> None:
        missing = [
            parameter.name
            for parameter in (*self._positional, *self._by_keyword.values())
            if parameter.default is parameter.empty and parameter.name not in given
        ]
        if missing:
            names = ", ".join(repr(name) for name in dict.fromkeys(missing))
            raise ArgumentError(f"{self._name}(): {names} is missing")

    def _value(self, name: str, raw: msgspec.Raw, shown: str | None = None) -> object:
        try:
            value: object = self._decoders[name].decode(raw)
        except DECODE_ERRORS as error:
            raise misfit(self._name, shown or name, error) from None
        return value


def value_decoder(task: str, name: str, hint: Any) -> msgspec.json.Decoder[Any]:
    """Make what reads the JSON of one parameter.

    Raises:
        TaskError: its annotation cannot be checked against JSON.
    """
    try:
        known = msgspec.inspect.type_info(hint)
        if isinstance(known, msgspec.inspect.CustomType) and not _is_path(known.cls):
            raise TypeError(f"no JSON value is a {known.cls.__qualname__}")
        return msgspec.json.Decoder(hint, dec_hook=_from_json)
    except (TypeError, RecursionError) as error:
        raise TaskError(
            f"task {task}: JSON cannot be checked against the annotation of {name!r}: {error}"
        ) from error


def misfit(task: str, name: str, error: Exception) -> ArgumentError:
    """Say which argument does not fit, and how."""
    match = _MESSAGE.fullmatch(_text(error))
    assert match is not None
    text, path = match["text"].replace("`", ""), match["path"] or ""
    text = f" e{text[1:]}" if text.startswith("Expected ") else f": {text}"
    return ArgumentError(f"{task}(): '{name}{path}'{text}")


def _is_path(wanted: object) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, PurePath)


def _from_json(wanted: type, value: object) -> object:
    """Make what msgspec does not know: paths. What stays as it is msgspec refuses by its type."""
    if _is_path(wanted) and isinstance(value, str):
        path: object = wanted(value)
        return path
    return value


def _text(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    text = str(error)
    # Releases of msgspec differ in the class, and in what they say.
    if isinstance(error, UnicodeError) or text.startswith("Invalid UTF-8"):
        return "it is not valid UTF-8"
    return text


def _count(number: int) -> str:
    return "1 argument" if number == 1 else f"{number} arguments"
