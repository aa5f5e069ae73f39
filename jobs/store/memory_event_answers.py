"""What the store in memory answers of events."""

from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import EventAnswers, EventWrites
from penstock.jobs.store.memory_events import MemoryEvents


def answer_of_events(
    kept: MemoryEvents, asked: EventWrites, now: Instant, answers: EventAnswers
) -> None:
    """Answer the questions of a batch that are about events."""
    streams = kept.streams
    answers.ranges = [
        streams[question.stream].read(question) if question.stream in streams else []
        for question in asked.ranges
    ]
    answers.picks = [
        streams[question.stream].find(question.ids) if question.stream in streams else {}
        for question in asked.picks
    ]
    answers.were_handled = [
        kept.handled.find(group, key, now) is not None for group, key in asked.were_handled
    ]
    answers.were_published = [
        kept.published.find(stream, key, now) for stream, key in asked.were_published
    ]
