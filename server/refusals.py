"""The replies to what was declined, or could not be done."""

from penstock.jobs.errors import Refused
from penstock.jobs.store.port import StoreError, StoreFull
from penstock.protocol.errors import ErrorCode
from penstock.protocol.replies import error


def refusal(problem: Refused) -> bytes:
    return error(ErrorCode(problem.code), str(problem))


def store_error(problem: StoreError) -> bytes:
    """Say whether nothing was stored, or nobody knows."""
    if isinstance(problem, StoreFull):
        return error(ErrorCode.DISKFULL, f"nothing was stored: {problem}")
    return error(
        ErrorCode.UNKNOWN,
        f"it is not known whether this was stored: {problem}; send it again under the same key",
    )
