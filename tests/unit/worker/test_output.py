"""How much of what tasks print is logged."""

from penstock.worker.output import LineQuota


def test_lines_pass_however_they_are_cut() -> None:
    quota = LineQuota()

    assert quota.feed(b"one\ntw", 0.0) == ["one"]
    assert quota.feed(b"o\nthree", 0.0) == ["two"]
    assert quota.end() == ["three"]


def test_beyond_the_quota_of_a_second_bytes_are_counted() -> None:
    quota = LineQuota(bytes_max=100)

    lines = quota.feed(b"x" * 99 + b"\n" + b"y" * 99 + b"\n" + b"z" * 49 + b"\n", 0.0)

    assert [line[0] for line in lines] == ["x", "y"]
    assert quota.take_dropped() == 50
    assert quota.take_dropped() == 0


def test_the_next_second_has_a_quota_of_its_own() -> None:
    quota = LineQuota(bytes_max=100)
    quota.feed(b"x" * 200 + b"\n", 0.9)

    assert quota.feed(b"y\n", 0.9) == []
    assert quota.feed(b"z\n", 1.0) == ["z"]


def test_empty_lines_are_not_free() -> None:
    quota = LineQuota(bytes_max=640)

    assert len(quota.feed(b"\n" * 1_000, 0.0)) == 10


def test_a_line_without_an_end_does_not_grow() -> None:
    quota = LineQuota(bytes_max=1_000_000)

    (line,) = quota.feed(b"x" * 20_000, 0.0)

    assert len(line) == 8192
    assert quota.dropped == 20_000 - 8192
    assert quota.end() == []


def test_what_is_not_utf_8_is_shown_as_far_as_it_goes() -> None:
    assert LineQuota().feed(b"a\xffb\r\n", 0.0) == ["a\ufffdb"]
