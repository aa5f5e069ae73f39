"""A connection for questions: send some commands, get their replies, in order."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

import anyio

from penstock.loadtest.errors import Unreachable
from penstock.loadtest.target import Target
from penstock.protocol.encoding import encode_command
from penstock.protocol.errors import ReplyViolation
from penstock.protocol.reader import INCOMPLETE, Push, Reply, ReplyReader
from penstock.protocol.replies import ErrorReply

_READ_BYTES: Final = 1 << 16
_ANSWER_SECONDS_MAX: Final = 60.0

Command = Sequence[bytes | str | int]


class Conversation:
    """One RESP3 connection without load. Use it with `async with`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reader = ReplyReader()
        self._input: asyncio.StreamReader | None = None
        self._output: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> "Conversation":
        address = self._target.address
        try:
            if isinstance(address, Path):
                self._input, self._output = await asyncio.open_unix_connection(str(address))
            else:
                self._input, self._output = await asyncio.open_connection(
                    address.host, address.port
                )
        except OSError as error:
            raise Unreachable(
                f"no server answers at {self._target} ({error}); start one with: penstock serve"
            ) from error
        password = self._target.password
        hello: Command = ("HELLO", 3)
        if password is not None:
            hello = ("HELLO", 3, "AUTH", "default", password)
        (reply,) = await self.ask([hello])
        if isinstance(reply, ErrorReply):
            self._output.close()
            raise Unreachable(f"the server refused HELLO: {reply.code} {reply.text}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._output is not None:
            self._output.close()

    async def ask(self, commands: Sequence[Command]) -> list[Reply]:
        """Send the commands in one write and return one reply each; error replies are values.

        Raises:
            Unreachable: the connection was lost before the last reply, or a reply took too long.
        """
        try:
            with anyio.fail_after(_ANSWER_SECONDS_MAX):
                return await self._ask(b"".join(map(encode_command, commands)), len(commands))
        except TimeoutError as error:
            raise Unreachable(
                f"{self._target} did not answer within {_ANSWER_SECONDS_MAX:.0f} s"
            ) from error
        except (OSError, ReplyViolation) as error:
            raise Unreachable(f"the connection to {self._target} was lost: {error}") from error

    async def _ask(self, request: bytes, count: int) -> list[Reply]:
        assert self._input is not None
        assert self._output is not None
        replies: list[Reply] = []
        self._output.write(request)
        await self._output.drain()
        while len(replies) < count:
            reply = self._reader.next()
            if reply is INCOMPLETE:
                data = await self._input.read(_READ_BYTES)
                if not data:
                    raise Unreachable(f"{self._target} closed the connection")
                self._reader.feed(data)
            elif not isinstance(reply, Push):
                replies.append(reply)
        return replies
