"""Which queues are followed, of the streams that have a group."""

from penstock.jobs.events.followed import Followed
from penstock.jobs.events.model import StreamName
from penstock.jobs.model import QueueName

MAIL = QueueName("mail")


def _followed(*streams: str) -> Followed:
    followed = Followed()
    followed.follow(map(StreamName, streams))
    return followed


def test_nobody_follows_a_queue_at_first() -> None:
    assert not _followed()
    assert not _followed().covers(MAIL)


def test_a_stream_of_other_events_follows_nothing() -> None:
    assert not _followed("orders", "job:mail")


def test_the_stream_of_a_queue_follows_that_queue_alone() -> None:
    followed = _followed("jobs:mail", "orders")

    assert followed.covers(MAIL)
    assert not followed.covers(QueueName("other"))
    assert followed.streams_of(MAIL) == ("jobs:mail",)
    assert followed.streams == ["jobs:mail"]


def test_the_stream_of_all_follows_every_queue() -> None:
    followed = _followed("jobs:*")

    assert followed.covers(MAIL)
    assert followed.streams_of(MAIL) == ("jobs:*",)


def test_a_queue_may_be_followed_by_its_own_stream_beside_that_of_all() -> None:
    followed = _followed("jobs:*", "jobs:mail")

    assert followed.streams_of(MAIL) == ("jobs:mail", "jobs:*")
    assert followed.streams_of(QueueName("other")) == ("jobs:*",)


def test_what_nobody_follows_any_more_is_forgotten() -> None:
    followed = _followed("jobs:mail")

    followed.follow([])

    assert not followed.covers(MAIL)
