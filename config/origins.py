"""Where the value of a setting came from."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class OriginKind(IntEnum):
    """The layers, the stronger the greater."""

    DEFAULT = 0
    FILE = 1
    ENVIRONMENT = 2
    FLAG = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """A layer, and the name within it: the file's path, the variable or the flag."""

    kind: OriginKind
    name: str

    @property
    def phrase(self) -> str:
        """Say it within a sentence."""
        match self.kind:
            case OriginKind.DEFAULT:
                return "by default"
            case OriginKind.FILE:
                return f"in {self.name}"
            case OriginKind.ENVIRONMENT | OriginKind.FLAG:
                return f"from {self.name}"

    def __str__(self) -> str:
        return self.name


DEFAULT_ORIGIN: Final = Origin(OriginKind.DEFAULT, "default")
