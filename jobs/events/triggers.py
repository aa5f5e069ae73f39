"""Triggers: what an event sets off. One job for each event that matches, in the event's commit.

A trigger is a consumer group of the server: its cursor says which events it has seen. In the turn
that appends an event `fire_all` shows it to the triggers of its stream, hands on the jobs that
they ask for, and moves their cursors; all of it is one transaction. A job that cannot be taken
just now (its queue is full, the disk is low) stops its trigger there, which goes on from there
later; one that can never be made is counted, and passed over.

The events of a job's life carry who submitted it. A job that a trigger submitted says so with a
depth, which grows from job to job, and ends a loop of triggers and jobs.
"""

import re
from hashlib import blake2b
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.config.limits import (
    KEY_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    TRIGGER_DEPTH_MAX,
    TRIGGER_MATCHES_MAX,
)
from penstock.jobs.errors import Invalid, TooLarge
from penstock.jobs.events.life import is_life_stream
from penstock.jobs.events.log import TRIGGER_PREFIX
from penstock.jobs.events.model import Event, EventId, Fields, GroupName, StreamName
from penstock.jobs.events.patterns import Pattern
from penstock.jobs.events.templates import (
    DEFAULT_PAYLOAD,
    PayloadTemplate,
    Template,
    Values,
    compile_payload,
    compile_text,
    format_id,
    values_of,
)
from penstock.jobs.job_options import JobOptions, is_group, is_tenant
from penstock.jobs.model import TaskName
from penstock.jobs.policy import SubmitRequest

_VERSION: Final = 1
_DIGEST_BYTES: Final = 16
_FIRED_BY_TRIGGER: Final = re.compile(rb"trigger:[^#]+#(\d{1,9})")


class Match(Struct, frozen=True):
    """A field that an event must have, with a value like this."""

    field: bytes
    pattern: Pattern


class Trigger(Struct, frozen=True):
    """What one trigger does. `options` has no tenant and no group: those are templates."""

    name: str
    stream: StreamName
    task: TaskName
    matches: tuple[Match, ...] = ()
    payload: PayloadTemplate = DEFAULT_PAYLOAD
    options: JobOptions = JobOptions()
    tenant: Template | None = None
    group: Template | None = None


class NoMatch(Struct, frozen=True):
    """The event is none of the trigger's."""


class TooDeep(Struct, frozen=True):
    """The event is of a job that triggers led to, one after the other, too often."""


class Unservable(Struct, frozen=True):
    """No job can be made of the event, now or later."""

    reason: str


Firing: TypeAlias = SubmitRequest | NoMatch | TooDeep | Unservable


def group_of(name: str) -> GroupName:
    """Return the group whose cursor is the trigger's."""
    return GroupName(f"{TRIGGER_PREFIX}{name}")


def tenant_template(source: str) -> Template:
    """Compile the tenant of a trigger's jobs. Raises Invalid."""
    return compile_text(source, "TENANT", is_tenant)


def group_template(source: str) -> Template:
    """Compile the ordering group of a trigger's jobs. Raises Invalid."""
    return compile_text(source, "GROUP", is_group)


def check_trigger(trigger: Trigger) -> None:
    """Raises Invalid."""
    if len(trigger.matches) > TRIGGER_MATCHES_MAX:
        raise Invalid(
            f"a trigger may compare {TRIGGER_MATCHES_MAX} fields, not {len(trigger.matches)}"
        )


# --- deciding ------------------------------------------------------------------------------------


def decide_firing(
    trigger: Trigger, event: Event, depth: int, *, payload_bytes_max: int = PAYLOAD_BYTES_MAX
) -> Firing:
    """Decide what an event means to a trigger of its stream; *depth* as of `depth_of`."""
    values = values_of(event.fields)
    for match in trigger.matches:
        value = values.get(match.field)
        if value is None or not match.pattern.matches(value):
            return NoMatch()
    if depth >= TRIGGER_DEPTH_MAX:
        return TooDeep()
    try:
        payload = trigger.payload.payload(trigger.stream, event, values, payload_bytes_max)
        options = _options(trigger, event, values)
    except (TooLarge, Invalid) as problem:
        return Unservable(str(problem))
    return options.request(
        trigger.task,
        payload,
        key=key_of(trigger, event.id),
        producer=f"{group_of(trigger.name)}#{depth + 1}",
    )


def key_of(trigger: Trigger, event_id: EventId) -> str:
    """Return the key of the one job that a trigger makes of an event."""
    start, end = f"{group_of(trigger.name)}:", f"{trigger.stream}:{format_id(event_id)}"
    if len(start) + len(end.encode()) > KEY_BYTES_MAX:
        end = blake2b(end.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return start + end


def depth_of(stream: StreamName, fields: Fields) -> int:
    """Say how many triggers, one after the other, led to an event: 0 is none.

    Only the events of jobs' lives tell, which nobody but the server writes.
    """
    if not is_life_stream(stream):
        return 0
    found = _FIRED_BY_TRIGGER.fullmatch(values_of(fields).get(b"producer", b""))
    return 0 if found is None else int(found[1])


def _options(trigger: Trigger, event: Event, values: Values) -> JobOptions:
    options = trigger.options
    if trigger.tenant is not None:
        tenant = trigger.tenant.text(trigger.stream, event, values)
        if tenant and not is_tenant(tenant):
            raise Invalid(f"{tenant!r:.80} cannot be the name of a tenant")
        options = replace(options, tenant=tenant or None)
    if trigger.group is not None:
        group = trigger.group.text(trigger.stream, event, values)
        if group and not is_group(group):
            raise Invalid(f"{group!r:.80} cannot be the name of a group")
        options = replace(options, group=group or None)
    return options


# --- keeping them --------------------------------------------------------------------------------


class _Saved(Struct, omit_defaults=True):
    """A trigger as the store keeps it: JSON. Its name is the record's."""

    version: int
    stream: str
    task: str
    matches: list[tuple[bytes, bytes]] = []
    payload: bytes | None = None
    options: JobOptions = JobOptions()
    tenant: str | None = None
    group: str | None = None


class _Version(Struct):
    version: int


def encode_trigger(trigger: Trigger) -> bytes:
    """Return what the store keeps of a trigger."""
    saved = _Saved(
        _VERSION,
        trigger.stream,
        trigger.task,
        [(match.field, match.pattern.source) for match in trigger.matches],
        None if trigger.payload == DEFAULT_PAYLOAD else trigger.payload.source,
        trigger.options,
        None if trigger.tenant is None else trigger.tenant.source,
        None if trigger.group is None else trigger.group.source,
    )
    return msgspec.json.encode(saved)


def decode_trigger(name: str, definition: bytes) -> Trigger:
    """Read what was kept. Raises ValueError: a newer version wrote it."""
    version = msgspec.json.decode(definition, type=_Version).version
    if version > _VERSION:
        raise ValueError(f"trigger {name} was written by a newer version of Penstock")
    saved = msgspec.json.decode(definition, type=_Saved)
    return Trigger(
        name,
        StreamName(saved.stream),
        TaskName(saved.task),
        tuple(Match(field, Pattern(pattern)) for field, pattern in saved.matches),
        DEFAULT_PAYLOAD if saved.payload is None else compile_payload(saved.payload),
        saved.options,
        None if saved.tenant is None else tenant_template(saved.tenant),
        None if saved.group is None else group_template(saved.group),
    )
