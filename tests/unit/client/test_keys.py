"""Keys never repeat."""

import os

import pytest

from penstock.client.keys import KeySource
from penstock.protocol.values import read_key


def test_keys_differ() -> None:
    one, other = KeySource(), KeySource()
    keys = [source.next() for source in (one, other) for _ in range(100)]

    assert len(set(keys)) == len(keys)
    assert read_key(keys[0].encode()) == keys[0]


def test_keys_of_a_forked_process_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    source = KeySource()
    before = source.next().partition(".")[0]
    monkeypatch.setattr(os, "getpid", lambda: -1)

    assert source.next().partition(".")[0] != before
