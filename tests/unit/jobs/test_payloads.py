"""Payloads in memory: as far as the budget goes, and no further."""

from penstock.jobs.model import JobId
from penstock.jobs.payloads import PayloadCache

ONE, TWO = JobId(1), JobId(2)


def test_a_payload_is_taken_once() -> None:
    cache = PayloadCache(10, 10)
    cache.put(ONE, b"abc")

    assert cache.take(ONE) == b"abc"
    assert cache.take(ONE) is None


def test_a_payload_says_whether_it_is_there() -> None:
    cache = PayloadCache(10, 10)
    cache.put(ONE, b"")

    assert ONE in cache
    assert TWO not in cache


def test_a_payload_that_is_too_large_is_not_kept() -> None:
    cache = PayloadCache(10, 3)

    cache.put(ONE, b"abcd")

    assert ONE not in cache


def test_what_has_no_room_is_not_kept() -> None:
    cache = PayloadCache(5, 5)
    cache.put(ONE, b"abc")

    cache.put(TWO, b"abc")

    assert ONE in cache
    assert TWO not in cache


def test_what_is_taken_makes_room() -> None:
    cache = PayloadCache(5, 5)
    cache.put(ONE, b"abcde")
    cache.take(ONE)

    cache.put(TWO, b"abcde")

    assert TWO in cache
