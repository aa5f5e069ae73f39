"""XINFO's replies: what redis-server 7 sent for the same, in RESP2 and in RESP3."""

from msgspec import Struct

from penstock.protocol import stream_info_replies as info
from penstock.protocol.event_ids import ID_MIN, EventId


class Entry(Struct, frozen=True):
    id: EventId
    fields: tuple[bytes, ...]


GROUP = info.GroupView("g", 1, 1, (1, 1), 1, 1)
STREAM = info.StreamView(
    2,
    (2, 1),
    (0, 0),
    2,
    (1, 1),
    1,
    Entry((1, 1), (b"f", b"v")),
    Entry((2, 1), (b"f", b"v")),
)
EMPTY = info.StreamView(0, (2, 1), (1, 1), 2, ID_MIN, 0, None, None)


def test_a_stream_has_redis_ten_names() -> None:
    assert info.stream_info(STREAM, resp3=False) == (
        b"*20\r\n$6\r\nlength\r\n:2\r\n$15\r\nradix-tree-keys\r\n:0\r\n"
        b"$16\r\nradix-tree-nodes\r\n:0\r\n$17\r\nlast-generated-id\r\n$3\r\n2-1\r\n"
        b"$20\r\nmax-deleted-entry-id\r\n$3\r\n0-0\r\n$13\r\nentries-added\r\n:2\r\n"
        b"$23\r\nrecorded-first-entry-id\r\n$3\r\n1-1\r\n$6\r\ngroups\r\n:1\r\n"
        b"$11\r\nfirst-entry\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
        b"$10\r\nlast-entry\r\n*2\r\n$3\r\n2-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
    )


def test_a_stream_is_a_map_in_resp3() -> None:
    assert info.stream_info(STREAM, resp3=True).startswith(b"%10\r\n$6\r\nlength\r\n:2\r\n")


def test_an_empty_stream_has_no_first_event() -> None:
    assert info.stream_info(EMPTY, resp3=False).endswith(
        b"$23\r\nrecorded-first-entry-id\r\n$3\r\n0-0\r\n$6\r\ngroups\r\n:0\r\n"
        b"$11\r\nfirst-entry\r\n$-1\r\n$10\r\nlast-entry\r\n$-1\r\n"
    )
    assert info.stream_info(EMPTY, resp3=True).endswith(b"$10\r\nlast-entry\r\n_\r\n")


def test_a_group_has_redis_six_names() -> None:
    assert info.groups_info([GROUP], resp3=False) == (
        b"*1\r\n*12\r\n$4\r\nname\r\n$1\r\ng\r\n$9\r\nconsumers\r\n:1\r\n$7\r\npending\r\n:1\r\n"
        b"$17\r\nlast-delivered-id\r\n$3\r\n1-1\r\n$12\r\nentries-read\r\n:1\r\n$3\r\nlag\r\n:1\r\n"
    )


def test_what_a_group_does_not_know_is_null() -> None:
    unknown = info.GroupView("g", 0, 0, (0, 0), None, None)

    assert info.groups_info([unknown], resp3=True).endswith(
        b"$12\r\nentries-read\r\n_\r\n$3\r\nlag\r\n_\r\n"
    )


def test_a_consumer_that_was_never_given_an_event_is_inactive_since_ever() -> None:
    views = [info.ConsumerView("c", 1, 5, 7), info.ConsumerView("d", 0, 5, None)]

    assert info.consumers_info(views, resp3=True) == (
        b"*2\r\n%4\r\n$4\r\nname\r\n$1\r\nc\r\n$7\r\npending\r\n:1\r\n$4\r\nidle\r\n:5\r\n"
        b"$8\r\ninactive\r\n:7\r\n%4\r\n$4\r\nname\r\n$1\r\nd\r\n$7\r\npending\r\n:0\r\n"
        b"$4\r\nidle\r\n:5\r\n$8\r\ninactive\r\n:-1\r\n"
    )


def test_the_full_description_nests_groups_with_consumers() -> None:
    pending = info.PendingView((1, 1), "c", 1795950638113, 1)
    group = info.FullGroupView(
        GROUP,
        [pending],
        [
            info.FullConsumerView("c", 1795950638113, 1795950638113, 1, [pending]),
            info.FullConsumerView("d", 1795950638113, None, 0, []),
        ],
    )

    reply = info.full_stream_info(STREAM, [Entry((2, 1), (b"f", b"v"))], [group], resp3=True)

    assert reply.endswith(
        b"$7\r\nentries\r\n*1\r\n*2\r\n$3\r\n2-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
        b"$6\r\ngroups\r\n*1\r\n%7\r\n$4\r\nname\r\n$1\r\ng\r\n"
        b"$17\r\nlast-delivered-id\r\n$3\r\n1-1\r\n$12\r\nentries-read\r\n:1\r\n$3\r\nlag\r\n:1\r\n"
        b"$9\r\npel-count\r\n:1\r\n"
        b"$7\r\npending\r\n*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:1795950638113\r\n:1\r\n"
        b"$9\r\nconsumers\r\n*2\r\n%5\r\n$4\r\nname\r\n$1\r\nc\r\n$9\r\nseen-time\r\n"
        b":1795950638113\r\n$11\r\nactive-time\r\n:1795950638113\r\n$9\r\npel-count\r\n:1\r\n"
        b"$7\r\npending\r\n*1\r\n*3\r\n$3\r\n1-1\r\n:1795950638113\r\n:1\r\n"
        b"%5\r\n$4\r\nname\r\n$1\r\nd\r\n$9\r\nseen-time\r\n:1795950638113\r\n"
        b"$11\r\nactive-time\r\n:-1\r\n$9\r\npel-count\r\n:0\r\n$7\r\npending\r\n*0\r\n"
    )
    assert reply.startswith(b"%9\r\n")
