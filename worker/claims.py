"""A claim: one job as the server gave it to this worker."""

from typing import Final, TypeAlias, cast

from msgspec import Struct

from penstock.protocol.reader import Reply

# What the parts of a job are if the server keeps to the protocol; it is checked afterwards. A newer
# server may add some at the end, and an older one knows nothing of the last two.
_Parts: TypeAlias = tuple[int, int, bytes, bytes, bytes, int, int, int]
_PARTS: Final = 8


class Claim(Struct, frozen=True, gc=False):
    """One attempt at one job. The pair of id and attempt is what the server knows it by."""

    id: int
    attempt: int
    queue: str
    task: str
    payload: bytes
    timeout_ms: int
    failures: int = 0  # Attempts that failed, before this one.
    releases: int = 0  # How often it was given back.


class MalformedClaim(Exception):
    """The server's answer to JOB.CLAIM is not what the protocol says."""


def read_claims(reply: Reply) -> list[Claim]:
    """Read the answer to JOB.CLAIM.

    Raises:
        MalformedClaim: it is of another shape.
    """
    if not isinstance(reply, list):
        raise MalformedClaim(f"JOB.CLAIM was answered with {reply!r:.100}")
    return [_read_claim(entry) for entry in reply]


def _read_claim(entry: Reply) -> Claim:
    if not isinstance(entry, list):
        raise _malformed(entry)
    try:
        known = entry if len(entry) == _PARTS else (*entry, 0, 0)[:_PARTS]
        job_id, attempt, queue, task, payload, timeout_ms, failures, releases = cast(_Parts, known)
        numbers = job_id + attempt + timeout_ms + failures + releases
        claim = Claim(
            job_id,
            attempt,
            queue.decode(),
            task.decode(),
            payload,
            timeout_ms,
            failures,
            releases,
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise _malformed(entry) from error
    if type(numbers) is not int or type(payload) is not bytes:
        raise _malformed(entry)
    return claim


def _malformed(entry: Reply) -> MalformedClaim:
    return MalformedClaim(f"JOB.CLAIM was answered with a job of another shape: {entry!r:.100}")
