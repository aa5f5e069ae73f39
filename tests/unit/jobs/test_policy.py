"""Fingerprints."""

import pytest

from penstock.jobs.policy import SubmitRequest, fingerprint
from tests.unit.jobs.desk import request

ASKED = request(b"[1]", task="add", queue="default", key="k")


@pytest.mark.parametrize(
    "same",
    [
        request(b"[1]", task="add", queue="default", key="k"),
        request(b"[1]", task="add", queue="default", key="other"),
        request(b"[1]", task="add", queue="default", key="k", priority=0),
        request(b"[1]", task="add", queue="default", key="k", delay_ms=9, attempts_max=1),
    ],
)
def test_a_fingerprint_is_of_what_is_to_be_done(same: SubmitRequest) -> None:
    assert fingerprint(same) == fingerprint(ASKED)


@pytest.mark.parametrize(
    "other",
    [
        request(b"[2]", task="add", queue="default"),
        request(b"[1]", task="sub", queue="default"),
        request(b"[1]", task="add", queue="reports"),
        request(b"[1]\0add", task="add", queue="default"),
        request(b"[1]\0add\0default", task="add", queue="default"),
        request(b"[1]", task="default", queue="add"),
    ],
)
def test_what_differs_has_another_fingerprint(other: SubmitRequest) -> None:
    assert fingerprint(other) != fingerprint(ASKED)


def test_a_fingerprint_has_sixteen_bytes() -> None:
    assert len(fingerprint(ASKED)) == 16
