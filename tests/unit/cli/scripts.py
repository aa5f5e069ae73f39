"""What scripted servers say to commands."""

from tests.unit.client.scripted import Conversation, Script


def playing(heard: list[list[bytes]], *replies: bytes) -> Script:
    """Greet, answer each request with the next reply, and wait for the client to leave."""

    def script(talk: Conversation) -> None:
        talk.greet()
        for reply in replies:
            heard.append(talk.read())
            talk.reply(reply)
        talk.until_hung_up()

    return script
