"""What members of a load test hear from the one who started them."""

import asyncio
import multiprocessing

from penstock.loadtest.crew import await_word


async def word_after(said: list[str], left_unread: list[str]) -> object:
    """Return what is heard of a peer that says this, and goes without having read that."""
    ours, theirs = multiprocessing.Pipe()
    for word in left_unread:
        ours.send(word)
    for word in said:
        theirs.send(word)
    theirs.close()
    heard: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    await_word(ours, heard.set_result)
    try:
        async with asyncio.timeout(10):
            return await heard
    finally:
        ours.close()


async def test_what_is_said_is_heard() -> None:
    assert await word_after(["stop"], []) == "stop"


async def test_a_peer_that_went_has_said_nothing() -> None:
    assert await word_after([], []) is None


async def test_a_peer_that_went_without_reading_has_said_nothing() -> None:
    assert await word_after([], ["what nobody reads"]) is None
