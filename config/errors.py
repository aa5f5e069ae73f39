"""What is raised when the settings cannot be used."""

from penstock.config.origins import Origin


class SettingsError(Exception):
    """A setting is unknown, of the wrong type, out of range or at odds with another.

    The text names the key and where it came from, and says what to do. It never holds a password.
    """

    def __init__(self, text: str, *, key: str | None = None, origin: Origin | None = None) -> None:
        super().__init__(text)
        self.key = key
        self.origin = origin
