"""Writing triggers and schedules with a turn: of each the last word counts."""

from penstock.jobs.store.event_port import EventWrites, ScheduleRecord, TriggerRecord


def put_trigger(writes: EventWrites, record: TriggerRecord) -> None:
    writes.triggers = [*(kept for kept in writes.triggers if kept.name != record.name), record]


def drop_trigger(writes: EventWrites, name: str) -> None:
    writes.triggers = [kept for kept in writes.triggers if kept.name != name]
    writes.dropped_triggers.append(name)


def put_schedule(writes: EventWrites, record: ScheduleRecord) -> None:
    writes.schedules = [*(kept for kept in writes.schedules if kept.name != record.name), record]


def drop_schedule(writes: EventWrites, name: str) -> None:
    writes.schedules = [kept for kept in writes.schedules if kept.name != name]
    writes.dropped_schedules.append(name)
