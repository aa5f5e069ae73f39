"""Tasks that leave a trace of every attempt: one line in the file of RECORDED_EFFECTS.

A payload is `behaviour key filling`, so that a trace tells which request it belongs to.
"""

import hashlib
import os
import time

from penstock.worker import current_job, task

EFFECTS_VARIABLE = "RECORDED_EFFECTS"
SLOW_SECONDS = 0.02


class Planned(Exception):
    """The payload asked for a failure."""


@task(raw=True)
def record(payload: bytes) -> bytes:
    """Leave the trace, then succeed, fail or take time as the payload says."""
    job = current_job()
    behaviour, key, _ = payload.split(b" ", 2)
    _append(b"%d %d %b\n" % (job.id, job.attempt, key))
    if behaviour == b"once" and job.attempt == 1:
        raise Planned("fails at its first attempt")
    if behaviour == b"always":
        raise Planned("fails at every attempt")
    if behaviour == b"slow":
        time.sleep(SLOW_SECONDS)
    return digest(payload)


def digest(payload: bytes) -> bytes:
    """What `record` returns."""
    return hashlib.sha256(payload).hexdigest().encode()


def _append(line: bytes) -> None:
    file = os.open(os.environ[EFFECTS_VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line)
    finally:
        os.close(file)
