"""Ids in order, entered anywhere."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.store.ordered import CHUNK_IDS_MAX, OrderedIds

places = st.integers(-3, 3)
entries = st.tuples(places, st.integers(1, 50))


@given(added=st.sets(entries), gone=st.sets(entries), position=st.none() | entries)
def test_ids_come_in_the_order_of_their_places(
    added: set[tuple[int, int]], gone: set[tuple[int, int]], position: tuple[int, int] | None
) -> None:
    ordered = OrderedIds()
    for entry in added:
        ordered.add(*entry)
    for entry in added & gone:
        ordered.discard(*entry)

    expected = sorted(added - gone)
    assert list(ordered.after(position)) == [
        job_id for place, job_id in expected if position is None or (place, job_id) > position
    ]
    assert list(ordered.up_to(1)) == [job_id for place, job_id in expected if place <= 1]


def test_many_ids_stay_in_order_whatever_the_order_of_their_coming() -> None:
    count = 3 * CHUNK_IDS_MAX
    rising, falling, middle = OrderedIds(), OrderedIds(), OrderedIds()

    for job_id in range(1, count + 1):
        rising.add(0, job_id)
        falling.add(0, count + 1 - job_id)
        middle.add(abs(job_id - count // 2), job_id)

    everything = list(range(1, count + 1))
    assert list(rising.after(None)) == everything
    assert list(falling.after(None)) == everything
    assert list(middle.after(None)) == sorted(everything, key=lambda i: (abs(i - count // 2), i))
    for job_id in everything:
        falling.discard(0, job_id)
    assert list(falling.after(None)) == []
