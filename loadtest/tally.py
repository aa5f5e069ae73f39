"""What came back: counts, errors by code, latencies by kind, and what must never happen."""

from collections import Counter
from typing import Final

from penstock.loadtest.latencies import Latencies
from penstock.loadtest.workload import CALL, SUBMIT

# Violations are counted without end and told in words up to here.
VIOLATIONS_SHOWN_MAX: Final = 20


class Violations:
    """What must never happen: counted, and the first ones told."""

    __slots__ = ("count", "texts")

    def __init__(self) -> None:
        self.count = 0
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        """Note one violation."""
        self.count += 1
        if len(self.texts) < VIOLATIONS_SHOWN_MAX:
            self.texts.append(text)


class Tally:
    """The counts of one run. `measure_from_ns` is when the warm-up ends."""

    def __init__(self) -> None:
        self.measure_from_ns = 0
        self.sent = 0
        self.answered = 0
        self.ok = 0
        self.ok_measured = 0
        self.errors: Counter[str] = Counter()
        self.violations = Violations()
        self.latencies = {SUBMIT: Latencies(), CALL: Latencies()}
        self.lag = Latencies()
        self.last_ok_ns = 0
        self.connections_lost = 0
        self.unanswered = 0

    def add_ok(self, kind: str, intended_ns: int, now_ns: int) -> None:
        """Count a reply that is not an error; only those after the warm-up are measured."""
        self.answered += 1
        self.ok += 1
        if intended_ns >= self.measure_from_ns:
            self.ok_measured += 1
            self.last_ok_ns = now_ns
            self.latencies[kind].record_ns(now_ns - intended_ns)

    def add_error(self, code: str) -> None:
        """Count an error reply. It is no violation: the server said what it did not do."""
        self.answered += 1
        self.errors[code] += 1
