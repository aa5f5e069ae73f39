"""A claim: one job as the server gave it to this worker."""

from msgspec import Struct

from penstock.protocol.reader import Reply


class Claim(Struct, frozen=True, gc=False):
    """One attempt at one job. The pair of id and attempt is what the server knows it by."""

    id: int
    attempt: int
    queue: str
    task: str
    payload: bytes
    timeout_ms: int


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
    match entry:
        case [
            int(job_id),
            int(attempt),
            bytes(queue),
            bytes(task),
            bytes(payload),
            int(timeout_ms),
        ]:
            return Claim(job_id, attempt, queue.decode(), task.decode(), payload, timeout_ms)
    raise MalformedClaim(f"JOB.CLAIM was answered with a job of another shape: {entry!r:.100}")
