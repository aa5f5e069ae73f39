"""From a call as the user writes it to a request: options, keys and payloads come together."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.client import event_requests, requests
from penstock.client.keys import KeySource
from penstock.client.options import Given, Options, Unset
from penstock.client.requests import Request
from penstock.client.tasks import (
    AnyTask,
    Decode,
    decoder_of,
    encode_arguments,
    keep_bytes,
    queue_of,
)


class Composer:
    """Makes requests under one set of options. Copies with other options share the keys."""

    __slots__ = ("_keys", "_options")

    def __init__(self, options: Options, keys: KeySource) -> None:
        self._options = options
        self._keys = keys

    def changed(self, given: Given) -> "Composer":
        """Return a composer whose options are changed."""
        return Composer(self._options.changed(given), self._keys)

    @property
    def options(self) -> Options:
        """The options that requests are made under."""
        return self._options

    @property
    def wait_ms(self) -> int | None:
        """How long waits last unless they say otherwise."""
        return self._options.wait_ms

    def submit(
        self, task: AnyTask, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> Request[int]:
        payload = encode_arguments(task, args, kwargs)
        name = task if isinstance(task, str) else task.name
        return requests.submit(name, payload, self._options, self._key(), queue_of(task))

    def call(
        self, task: AnyTask, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> Request[Any]:
        payload = encode_arguments(task, args, kwargs)
        name = task if isinstance(task, str) else task.name
        decode = decoder_of(task)
        return requests.call(
            name, payload, self._options, self._key(), queue_of(task), decode=decode
        )

    def submit_raw(self, task: str, payload: bytes) -> Request[int]:
        return requests.submit(task, payload, self._options, self._key())

    def call_raw(self, task: str, payload: bytes) -> Request[bytes]:
        return requests.call(task, payload, self._options, self._key(), decode=keep_bytes)

    def publish(
        self,
        stream: str,
        fields: Mapping[str, object] | None,
        named: Mapping[str, object],
        event_id: str | None,
    ) -> Request[str]:
        words = event_requests.field_words(fields, named)
        key = None if event_id is not None else self._key()
        if key is None:
            return event_requests.append(stream, event_id or "*", words)
        return event_requests.publish(stream, key, words)

    def wait(self, job_id: int, wait_ms: int | None, decode: Decode) -> Request[Any]:
        return requests.wait(job_id, self.wait_ms if wait_ms is None else wait_ms, decode=decode)

    def _key(self) -> str | None:
        key = self._options.key
        return self._keys.next() if isinstance(key, Unset) else key
