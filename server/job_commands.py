"""The commands of those who look at jobs one by one or in lists, and cancel them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.config.limits import LIST_SCAN_MAX
from penstock.jobs.errors import NoJob
from penstock.jobs.model import Instant, Job, JobId, QueueName, State, TaskName
from penstock.jobs.reasons import Reason
from penstock.jobs.revisions import Cancelling
from penstock.jobs.store.port import JobFilter, JobRecord, Listing, ListQuestion, StoreError
from penstock.protocol.errors import ArgumentError, ErrorCode
from penstock.protocol.job_arguments import parse_cancel, parse_job_id
from penstock.protocol.list_arguments import ListArguments, parse_list
from penstock.protocol.options import OWN_CONNECTION
from penstock.protocol.replies import encode
from penstock.server.job_decisions import decide_about
from penstock.server.job_details import details
from penstock.server.job_reasons import find_reason
from penstock.server.job_summaries import summary
from penstock.server.refusals import refusal, store_error
from penstock.server.session import Handler, Session

_WORDS: Final = {Cancelling.DONE: b"+CANCELLED\r\n", Cancelling.TOLD: b"+TOLD\r\n"}


def show(session: Session, arguments: list[bytes]) -> None:
    job_id = JobId(parse_job_id(arguments))
    slot = session.reserve()
    engine, resp3 = session.engine, session.resp3

    def read(record: JobRecord | StoreError | None) -> None:
        if isinstance(record, JobRecord):
            explain(record)
        elif record is None:
            slot.fill(refusal(NoJob(job_id)))
        else:
            slot.fill(store_error(record))

    def explain(record: JobRecord) -> None:
        job = engine.broker.current(record.job)
        lease = engine.broker.lease(job_id)

        def told(reason: Reason | StoreError | None) -> None:
            if isinstance(reason, StoreError):
                slot.fill(store_error(reason))
            else:
                slot.fill(encode(details(job, record, lease, reason), resp3))

        find_reason(engine, job, record, told)

    engine.journal.read_record(job_id, read)


def list_jobs(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_list(arguments)
    wanted = _filter(session, parsed)
    slot = session.reserve()
    engine, resp3 = session.engine, session.resp3

    def told(listing: Listing | StoreError) -> None:
        if isinstance(listing, StoreError):
            slot.fill(store_error(listing))
            return
        jobs = map(engine.broker.current, listing.jobs)
        maps = [
            summary(job, listing.last_errors.get(job.id))
            for job in jobs
            if wanted.states is None or job.state in wanted.states
        ]
        slot.fill(encode([listing.next_after or 0, maps], resp3))

    if wanted.states is not None and State.CLAIMED in wanted.states:
        # The store still knows the latest of them as ready.
        engine.broker.write_claims()
        engine.journal.record(engine.broker.take_changes())
    question = ListQuestion(wanted, JobId(parsed.cursor), parsed.jobs_max, LIST_SCAN_MAX)
    engine.journal.list_jobs(question, told)


def cancel(session: Session, arguments: list[bytes]) -> None:
    parsed = parse_cancel(arguments)
    job_id = JobId(parsed.job_id)
    reason = parsed.reason or f"cancelled by {session.worker}"
    engine = session.engine
    slot = session.reserve()

    def decide(job: Job) -> bool:
        runs = engine.broker.lease(job.id) is not None
        word = _WORDS[Cancelling.TOLD if runs else Cancelling.DONE]

        def settled(problem: StoreError | None) -> None:
            slot.fill(word if problem is None else store_error(problem))

        now = engine.clock.now_ms()
        decided = engine.broker.revisions.cancel(job, reason, now=now, settled=settled)
        return decided is not Cancelling.BUSY

    decide_about(engine, job_id, slot, decide)


def _filter(session: Session, parsed: ListArguments) -> JobFilter:
    states = parsed.states
    return JobFilter(
        queue=None if parsed.queue is None else QueueName(parsed.queue),
        states=None if states is None else frozenset(map(State, states)),
        task=None if parsed.task is None else TaskName(parsed.task),
        tenant=parsed.tenant,
        group=parsed.group,
        key=parsed.key,
        producer=_producer(session, parsed.connection),
        since=_instant(parsed.submitted_from),
        until=_instant(parsed.submitted_until),
        error=parsed.error,
    )


def _producer(session: Session, name: str | None) -> str | None:
    if name != OWN_CONNECTION:
        return name
    if not session.client_name:
        raise ArgumentError(
            ErrorCode.ERR,
            "CONNECTION me finds what was submitted under this connection's name, and it has none; "
            "give it one with CLIENT SETNAME before it submits",
        )
    return session.client_name


def _instant(ms: int | None) -> Instant | None:
    return None if ms is None else Instant(ms)


JOB_HANDLERS: Final[Mapping[str, Handler]] = {
    "JOB.SHOW": show,
    "JOB.LIST": list_jobs,
    "JOB.CANCEL": cancel,
}
