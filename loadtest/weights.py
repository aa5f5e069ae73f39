"""A choice among names by weight: `submit=70,call=30`, or one name alone."""

from dataclasses import dataclass
from itertools import accumulate
from random import Random

from penstock.loadtest.errors import Usage

WEIGHT_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Weights:
    """Names and how often each is meant to be chosen."""

    names: tuple[str, ...]
    weights: tuple[int, ...]

    def chooser(self, random: Random) -> "Chooser":
        """Return what draws names from *random*, in a sequence that depends on nothing else."""
        return Chooser(self, random)

    def __str__(self) -> str:
        if len(self.names) == 1:
            return self.names[0]
        return ",".join(f"{n}={w}" for n, w in zip(self.names, self.weights, strict=True))


class Chooser:
    """Draws one name at a time."""

    __slots__ = ("_bounds", "_names", "_random", "_total")

    def __init__(self, weights: Weights, random: Random) -> None:
        self._names = weights.names
        self._bounds = tuple(accumulate(weights.weights))
        self._total = self._bounds[-1]
        self._random = random

    def choose(self) -> str:
        """Return the next name; a single name draws nothing from the random sequence."""
        if len(self._names) == 1:
            return self._names[0]
        point = self._random.random() * self._total
        for bound, name in zip(self._bounds, self._names, strict=True):
            if point < bound:
                return name
        return self._names[-1]


def parse_weights(text: str) -> Weights:
    """Read `name`, or `name=weight,name=weight`.

    Raises:
        Usage: a weight is no positive whole number, or a name is missing or repeated.
    """
    names: list[str] = []
    weights: list[int] = []
    for part in text.split(","):
        name, separator, weight = part.strip().partition("=")
        if not name:
            raise Usage(f"{text!r} lacks a name; write name=weight,name=weight")
        if name in names:
            raise Usage(f"{text!r} names {name} twice; give it one weight")
        if separator and not (weight.isascii() and weight.isdigit()):
            raise Usage(f"the weight of {name} is {weight!r}; it must be a whole number")
        number = int(weight) if separator else 1
        if not 1 <= number <= WEIGHT_MAX:
            raise Usage(f"the weight of {name} is {number}; it must be from 1 to {WEIGHT_MAX}")
        names.append(name)
        weights.append(number)
    return Weights(tuple(names), tuple(weights))
