"""A session and its shell's part, with the time in the test's hands."""

from dataclasses import dataclass, field
from typing import Any

from penstock.client import requests
from penstock.client.backoff import Backoff
from penstock.client.errors import PenstockError
from penstock.client.options import Options
from penstock.client.requests import Request
from penstock.client.session import Session, greeting
from penstock.client.tasks import decode_json
from penstock.protocol.reader import Reply
from penstock.protocol.replies import encode

HELLO = greeting(None, None)
WELCOME = encode({"server": "penstock"}, resp3=True)
RETRY = 30.0


@dataclass(eq=False)
class Caller:
    """Whoever waits for a reply, or no longer does."""

    gone: bool = False
    got: list[Reply | PenstockError] = field(default_factory=list)


class Talk:
    """A session and its shell's part, with the time in the test's hands."""

    def __init__(self, retry: float = RETRY, wants_cancels: bool = False) -> None:
        self.now = 100.0
        self.session: Session[Caller] = Session(
            HELLO,
            retry_seconds=retry,
            is_abandoned=lambda caller: caller.gone,
            backoff=Backoff(jitter=lambda: 1.0),
            wants_cancels=wants_cancels,
        )

    def ask(self, request: Request[Any]) -> Caller:
        caller = Caller()
        self.session.request(request, caller, self.now)
        return caller

    def sent(self) -> bytes:
        return self.session.bytes_to_send(self.now)

    def receive(self, data: bytes) -> list[Caller]:
        answers = self.session.receive(data, self.now)
        for caller, reply in answers:
            caller.got.append(reply)
        return [caller for caller, _ in answers]

    def lose(self, reason: str = "it broke") -> None:
        self.take(self.session.connection_lost(reason, self.now))

    def tick(self) -> None:
        self.take(self.session.tick(self.now))

    def take(self, failures: list[tuple[Caller, PenstockError]]) -> None:
        for caller, error in failures:
            caller.got.append(error)

    def connect(self) -> "Talk":
        self.session.connected(self.now)
        assert self.sent() == HELLO
        assert self.receive(WELCOME) == []
        assert self.session.is_open
        return self


def submit(key: str | None = "k", task: str = "t", **options: Any) -> Request[int]:
    return requests.submit(task, b"[]", Options(**options), key)


def call(key: str | None = "k", wait_ms: int | None = None) -> Request[Any]:
    return requests.call("t", b"[]", Options(wait_ms=wait_ms), key, decode=decode_json)


def claim(wait_ms: int = 1000) -> Request[Any]:
    return requests.claim(["default"], 2, wait_ms)


def failure(caller: Caller) -> PenstockError:
    (error,) = caller.got
    assert isinstance(error, PenstockError)
    return error
