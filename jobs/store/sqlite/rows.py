"""Between the values of the port and the rows and JSON that the statements take and give.

This is the only Python that runs for each row, and it holds the interpreter lock while it does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, QueueName, State, TaskName
from penstock.jobs.store.port import KeyHolder, Submission
from penstock.jobs.store.sqlite.many_rows import Row

# Never change a number: they are in everybody's files.
STATES: Final = (State.SCHEDULED, State.READY, State.CLAIMED, State.COMPLETED, State.DEAD)
_STATE_CODES: Final = {state: code for code, state in enumerate(STATES)}

# A blob that is larger is bound, and read, by a statement of its own: SQLite copies what passes
# through it, and a batch of large payloads must not be in memory twice.
SHARED_BLOB_BYTES_MAX: Final = 16 * 1024

# SQLite's `substr` gives NULL instead of an empty blob when the whole blob is empty, so there is
# always one byte in front.
_FRONT: Final = b"-"
_POSITION_FIRST: Final = 2

_JobRow = tuple[
    int,
    int,
    str,
    int,
    int,
    int,
    int,
    int,
    int,
    int,
    str | None,
    int,
    int,
    int | None,
    int | None,
    int | None,
]
_FailedAttemptRow = tuple[int, int, str, int, int, str]

_encode: Final = msgspec.json.Encoder().encode
_decode_jobs: Final = msgspec.json.Decoder(list[_JobRow]).decode
_decode_failed_attempts: Final = msgspec.json.Decoder(list[_FailedAttemptRow]).decode
_decode_pairs: Final = msgspec.json.Decoder(list[tuple[int, int]]).decode
_decode_triples: Final = msgspec.json.Decoder(list[tuple[int, int, int]]).decode


# --- in ------------------------------------------------------------------------------------------


def encode_ids(job_ids: Iterable[int]) -> str:
    return _encode(list(job_ids)).decode()


def submission_rows(
    submissions: Iterable[Submission], queue_ids: Mapping[QueueName, int]
) -> list[Row]:
    """Return the rows of insert_jobs."""
    ready = State.READY
    return [
        (
            job.id,
            queue_ids[job.queue],
            job.task,
            1 if job.state is ready else 0,
            job.rank,
            job.priority,
            job.attempts_max,
            job.timeout_ms,
            job.submitted_at,
            job.due_at,
        )
        for submission in submissions
        for job in (submission.job,)
    ]


def keyed_submission_rows(
    submissions: Sequence[Submission], queue_ids: Mapping[QueueName, int]
) -> list[Row]:
    """Return the rows of insert_keyed_jobs."""
    return [
        (
            *row,
            submission.job.key,
            submission.fingerprint if submission.job.key is not None else None,
        )
        for row, submission in zip(
            submission_rows(submissions, queue_ids), submissions, strict=True
        )
    ]


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


def update_rows(jobs: Iterable[Job]) -> list[Row]:
    """Return the rows of update_jobs."""
    codes = _STATE_CODES
    return [
        (
            job.id,
            codes[job.state],
            job.due_at,
            job.attempt,
            job.failures,
            job.claimed_at,
            job.finished_at,
            job.remove_at,
        )
        for job in jobs
    ]


def failed_attempt_rows(failed_attempts: Iterable[FailedAttempt]) -> list[Row]:
    """Return the rows of insert_failed_attempts."""
    return [
        (
            failed.job_id,
            failed.attempt,
            _storable(failed.worker),
            failed.claimed_at,
            failed.failed_at,
            _storable(failed.error),
        )
        for failed in failed_attempts
    ]


def _storable(text: str) -> str:
    """Replace what UTF-8 cannot hold: lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


# --- out -----------------------------------------------------------------------------------------


def decode_jobs(rows: str, queue_names: Mapping[int, QueueName]) -> list[Job]:
    return [_job(row, queue_names) for row in _decode_jobs(rows)]


def _job(row: _JobRow, queue_names: Mapping[int, QueueName]) -> Job:
    claimed_at, finished_at, remove_at = row[13:]
    return Job(
        JobId(row[0]),
        queue_names[row[1]],
        TaskName(row[2]),
        STATES[row[3]],
        row[4],
        row[5],
        row[6],
        row[7],
        Instant(row[8]),
        Instant(row[9]),
        row[10],
        row[11],
        row[12],
        None if claimed_at is None else Instant(claimed_at),
        None if finished_at is None else Instant(finished_at),
        None if remove_at is None else Instant(remove_at),
    )


def decode_failed_attempts(rows: str) -> list[FailedAttempt]:
    return [
        FailedAttempt(
            JobId(job_id), attempt, worker, Instant(claimed_at), Instant(failed_at), error
        )
        for job_id, attempt, worker, claimed_at, failed_at, error in _decode_failed_attempts(rows)
    ]


def decode_holders(rows: str) -> dict[JobId, KeyHolder]:
    return {
        JobId(job_id): KeyHolder(JobId(holder_id), same == 1)
        for job_id, holder_id, same in _decode_triples(rows)
    }


def decode_removable(rows: str) -> list[tuple[int, int, int]]:
    """Return id, queue and state code of each job."""
    return _decode_triples(rows)


def decode_blobs(lengths: str, blob: bytes | None) -> Iterator[tuple[JobId, bytes]]:
    """Cut a joined blob into its pieces. Without pieces it is None."""
    start = 0
    for job_id, length in _decode_pairs(lengths):
        end = start + length
        yield JobId(job_id), b"" if blob is None else blob[start:end]
        start = end
    assert start == len(blob or b""), "the lengths add up"
