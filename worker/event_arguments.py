"""An event's way to a handler's parameters: the event itself, or fields by their names."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from penstock.client.event import Event
from penstock.worker.arguments import DECODE_ERRORS, Arguments, misfit, value_decoder
from penstock.worker.current import RUNNING
from penstock.worker.errors import ArgumentError, TaskError
from penstock.worker.task import annotations

_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class _Sent(msgspec.Struct):
    """An event as a trigger sends it."""

    stream: str
    id: str
    fields: dict[str, str]


_PAYLOAD: Final = msgspec.json.Decoder(tuple[_Sent])
_ENCODER: Final = msgspec.json.Encoder()


class EventArguments:
    """Reads the payloads of one handler's jobs.

    A parameter takes the field of its name. Annotated as `str`, or not at all, it gets the text;
    `bytes` are its bytes. Of all other annotations the text is taken for JSON, as `publish` made
    it, or else for the text in a JSON string, such as a date.

    Raises:
        TaskError: an annotation cannot be checked against JSON, or a parameter has no name.
    """

    def __init__(self, name: str, fn: Callable[..., object]) -> None:
        self._name = name
        hints = annotations(fn)
        parameters = list(inspect.signature(fn).parameters.values())
        first = parameters[0] if parameters else None
        self._takes_event = (
            first is not None and first.kind in _POSITIONAL and hints.get(first.name) is Event
        )
        self._takes_rest = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self._parameters = {
            p.name: p for p in parameters[self._takes_event :] if p.kind is not p.VAR_KEYWORD
        }
        for parameter in self._parameters.values():
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
                raise TaskError(
                    f"handler {name}: {parameter.name!r} cannot be given by its name, as the "
                    "fields of an event are"
                )
        self._readers = {
            p.name: _reader(name, p.name, hints.get(p.name, str)) for p in self._parameters.values()
        }

    def decode(self, payload: bytes) -> Arguments:
        """Read the arguments of one call.

        Raises:
            ArgumentError: the payload is no event, or says which field is missing or wrong.
        """
        try:
            (sent,) = _PAYLOAD.decode(payload)
        except DECODE_ERRORS as error:
            raise ArgumentError(f"{self._name}(): the payload is no event: {error}") from None
        return (_event(sent),) if self._takes_event else (), self._fields(sent.fields)

    def _fields(self, fields: Mapping[str, str]) -> dict[str, object]:
        taken: dict[str, object] = {}
        for name, parameter in self._parameters.items():
            if name in fields:
                taken[name] = self._readers[name](fields[name])
            elif parameter.default is parameter.empty:
                raise ArgumentError(f"{self._name}(): the event has no field {name!r}")
        if self._takes_rest:
            taken.update((name, text) for name, text in fields.items() if name not in taken)
        return taken


def _reader(task: str, name: str, hint: Any) -> Callable[[str], object]:
    """Make what turns a field's text into the value of a parameter."""
    if hint in (str, Any):
        return str
    if hint is bytes:
        return str.encode
    decoder = value_decoder(task, name, hint)

    def read(text: str) -> object:
        try:
            value: object = decoder.decode(text)
        except DECODE_ERRORS as error:
            try:
                value = decoder.decode(_ENCODER.encode(text))
            except DECODE_ERRORS:
                raise misfit(task, name, error) from None
        return value

    return read


def _event(sent: _Sent) -> Event:
    raw = tuple((name.encode(), value.encode()) for name, value in sent.fields.items())
    job = RUNNING.get(None)
    return Event(sent.stream, sent.id, raw, 1 if job is None else job.attempt)
