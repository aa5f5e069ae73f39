"""What is sent: an endless, seeded sequence of requests for each connection.

The sequence depends on the seed, the run and the connection only, so that the check at the end
makes it again instead of remembering a million requests.
"""

import string
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from penstock.config import limits
from penstock.loadtest.errors import Usage
from penstock.loadtest.weights import Weights, parse_weights
from penstock.protocol.encoding import encode_command

SUBMIT: Final = "submit"
CALL: Final = "call"
# A tag is run-connection-index; the two quotes around it make the payload JSON text.
PAYLOAD_BYTES_MIN: Final = 40
# Random text that payloads take their filling from: repeated filling would flatter a server that
# compresses.
_FILLING_BYTES: Final = 1 << 16
_LETTERS: Final = string.ascii_letters + string.digits
_DEFAULT_QUEUE: Final = parse_weights("default")
_DEFAULT_PRIORITY: Final = parse_weights(str(limits.PRIORITY_DEFAULT))


class Request(NamedTuple):
    """One request, as the plan has it."""

    kind: str
    key: str
    payload: bytes
    queue: str
    priority: str


@dataclass(frozen=True, slots=True)
class Workload:
    """The mix of requests. `run` tells the runs of one seed apart: no key is used twice."""

    seed: int
    run: str
    kinds: Weights
    task: str = "echo"
    payload_bytes: int = 64
    queues: Weights = _DEFAULT_QUEUE
    priorities: Weights = _DEFAULT_PRIORITY
    wait_ms: int = 30_000
    keyed: bool = True

    def __post_init__(self) -> None:
        unknown = set(self.kinds.names) - {SUBMIT, CALL}
        if unknown:
            raise Usage(f"no request is called {sorted(unknown)[0]}; mix submit and call")
        if not PAYLOAD_BYTES_MIN <= self.payload_bytes <= limits.ARGUMENT_BYTES_MAX:
            raise Usage(
                f"the payload is {self.payload_bytes} bytes; it must hold a tag, so take "
                f"{PAYLOAD_BYTES_MIN} to {limits.ARGUMENT_BYTES_MAX}"
            )
        for name in self.priorities.names:
            if not (name.isascii() and name.isdigit() and int(name) <= limits.PRIORITY_MAX):
                raise Usage(f"priority {name} is not a number from 0 to {limits.PRIORITY_MAX}")

    @property
    def echoes(self) -> bool:
        """Whether a call's result must be its payload."""
        return self.task == "echo"

    def requests(self, connection: int) -> Iterator[Request]:
        """Yield the requests of one connection, for ever; the same whenever asked."""
        random = Random(f"{self.seed}/{connection}")
        filling = "".join(random.choices(_LETTERS, k=_FILLING_BYTES)).encode()
        kinds = self.kinds.chooser(random)
        queues = self.queues.chooser(random)
        priorities = self.priorities.chooser(random)
        index = 0
        while True:
            tag = f"{self.run}-{connection}-{index}"
            payload = _fill(tag, self.payload_bytes, filling, random)
            key = tag if self.keyed else ""
            yield Request(kinds.choose(), key, payload, queues.choose(), priorities.choose())
            index += 1

    def encode(self, request: Request) -> bytes:
        """Encode the command that carries out *request*."""
        verb = b"JOB.SUBMIT" if request.kind == SUBMIT else b"JOB.CALL"
        arguments: list[bytes | str | int] = [verb, self.task, request.payload]
        if request.queue != _DEFAULT_QUEUE.names[0]:
            arguments += (b"QUEUE", request.queue)
        if request.priority != _DEFAULT_PRIORITY.names[0]:
            arguments += (b"PRIORITY", request.priority)
        if request.key:
            arguments += (b"KEY", request.key)
        if request.kind == CALL:
            arguments += (b"WAIT", self.wait_ms)
        return encode_command(arguments)


def _fill(tag: str, size: int, filling: bytes, random: Random) -> bytes:
    head = b'"%b.' % tag.encode()
    missing = size - len(head) - 1
    start = int(random.random() * _FILLING_BYTES)
    text = filling[start : start + missing]
    while len(text) < missing:
        text += filling[: missing - len(text)]
    return b'%b%b"' % (head, text)
