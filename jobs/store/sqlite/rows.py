"""Between the values of the port and the rows and JSON that the statements take and give.

Jobs themselves are in `job_rows`.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from penstock.jobs.model import FailedAttempt, Instant, JobId
from penstock.jobs.store.port import Submission
from penstock.jobs.store.sqlite.job_rows import storable
from penstock.jobs.store.sqlite.many_rows import Row

# An ordering group: the number of its queue, and its name.
Group = tuple[int, str]
# Whose a job is, its rank, its id.
Front = tuple[str | None, int, int]

# A blob that is larger is bound, and read, by a statement of its own: SQLite copies what passes
# through it, and a batch of large payloads must not be in memory twice.
SHARED_BLOB_BYTES_MAX: Final = 16 * 1024

# SQLite's `substr` gives NULL instead of an empty blob when the whole blob is empty, so there is
# always one byte in front.
_FRONT: Final = b"-"
_POSITION_FIRST: Final = 2

_FailedAttemptRow = tuple[int, int, str, int, int, str, str]

_encode: Final = msgspec.json.Encoder().encode
_decode_failed_attempts: Final = msgspec.json.Decoder(list[_FailedAttemptRow]).decode
_decode_pairs: Final = msgspec.json.Decoder(list[tuple[int, int]]).decode
_decode_triples: Final = msgspec.json.Decoder(list[tuple[int, int, int]]).decode
_decode_purgeable: Final = msgspec.json.Decoder(list[tuple[int, int, str | None]]).decode
_decode_groups: Final = msgspec.json.Decoder(list[Group]).decode
_decode_texts: Final = msgspec.json.Decoder(list[tuple[int, str]]).decode
_decode_fronts: Final = msgspec.json.Decoder(list[Front]).decode
_decode_ranks: Final = msgspec.json.Decoder(list[tuple[str, int]]).decode


# --- in ------------------------------------------------------------------------------------------


def encode_ids(job_ids: Iterable[int]) -> str:
    return _encode(list(job_ids)).decode()


def encode_texts(texts: Iterable[str]) -> str:
    return _encode(list(texts)).decode()


def encode_groups(groups: Iterable[Group]) -> str:
    return _encode(list(groups)).decode()


def encode_keys(submissions: Iterable[Submission]) -> tuple[str, bytes]:
    """Return the parameters of select_key_holders."""
    rows = []
    fingerprints = [_FRONT]
    position = _POSITION_FIRST
    for submission in submissions:
        if submission.job.key is not None:
            length = len(submission.fingerprint)
            rows.append((submission.job.id, submission.job.key, position, length))
            fingerprints.append(submission.fingerprint)
            position += length
    return _encode(rows).decode(), b"".join(fingerprints)


def failed_attempt_rows(failed_attempts: Iterable[FailedAttempt]) -> list[Row]:
    """Return the rows of insert_failed_attempts."""
    return [
        (
            failed.job_id,
            failed.attempt,
            storable(failed.worker),
            failed.claimed_at,
            failed.failed_at,
            storable(failed.error),
            storable(failed.output),
        )
        for failed in failed_attempts
    ]


# --- out -----------------------------------------------------------------------------------------


def decode_failed_attempts(rows: str) -> list[FailedAttempt]:
    return [
        FailedAttempt(
            JobId(job_id), attempt, worker, Instant(claimed_at), Instant(failed_at), error, output
        )
        for job_id, attempt, worker, claimed_at, failed_at, error, output in (
            _decode_failed_attempts(rows)
        )
    ]


def decode_removable(rows: str) -> list[tuple[int, int, int]]:
    """Return id, queue and state code of each job."""
    return _decode_triples(rows)


def decode_purgeable(rows: str) -> list[tuple[int, int, str | None]]:
    """Return id, state code and group of each job."""
    return _decode_purgeable(rows)


def decode_groups(rows: str) -> list[Group]:
    return _decode_groups(rows)


def decode_texts(rows: str) -> dict[JobId, str]:
    return {JobId(job_id): text for job_id, text in _decode_texts(rows)}


def decode_fronts(rows: str) -> list[Front]:
    return _decode_fronts(rows)


def decode_ranks(rows: str) -> dict[str, int]:
    return dict(_decode_ranks(rows))


def decode_blobs(lengths: str, blob: bytes | None) -> Iterator[tuple[JobId, bytes]]:
    """Cut a joined blob into its pieces. Without pieces it is None."""
    start = 0
    for job_id, length in _decode_pairs(lengths):
        end = start + length
        yield JobId(job_id), b"" if blob is None else blob[start:end]
        start = end
    assert start == len(blob or b""), "the lengths add up"
