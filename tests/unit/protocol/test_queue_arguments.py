"""The arguments of the commands about queues as values."""

from tests.unit.protocol.readers import read


def test_the_name_of_a_queue_is_read() -> None:
    assert read("QUEUE.SHOW reports") == "reports"
