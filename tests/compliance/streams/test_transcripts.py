"""Every stream command, said to a real redis-server and to Penstock: the replies are the same."""

import pytest

from tests.compliance.streams.connection import Connection
from tests.compliance.streams.servers import Server
from tests.compliance.streams.transcripts import Transcript, agrees, transcripts

pytestmark = pytest.mark.integration

ALL = transcripts()
# Commands whose maps have streams for names: RESP2 shows those as an array of pairs.
READS = (b"XREAD", b"XREADGROUP")


@pytest.mark.parametrize("transcript", ALL, ids=str)
def test_a_stream_command_is_answered_as_the_transcript_says(
    transcript: Transcript, server: Server, connection: Connection
) -> None:
    for exchange in transcript.exchanges:
        reply = connection.ask(*exchange.words)

        pairs = exchange.words[0].upper() in READS
        assert agrees(exchange.expected(server.name), reply, connection.protocol, pairs=pairs), (
            f"{exchange.line}\n{reply!r}\ninstead of\n{exchange.replies[server.name]}"
        )


@pytest.mark.parametrize("transcript", ALL, ids=str)
def test_every_difference_is_in_one_table_with_a_reason(transcript: Transcript) -> None:
    differs = any(exchange.differs for exchange in transcript.exchanges)

    assert differs == (transcript.file == "differences")
    assert transcript.notes or not differs
