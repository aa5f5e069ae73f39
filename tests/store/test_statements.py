"""The statements: found by name, and quick however much there is."""

import re
import sqlite3

import pytest

from penstock.jobs.store.sqlite.listing import END_OF_PAGE, LIST_JOBS
from penstock.jobs.store.sqlite.schema import migrate, read_migrations
from penstock.jobs.store.sqlite.statements import EVENT_SQL, SQL, parse_statements
from tests.store.test_schema import DATABASE


def plan_of(statement: str) -> list[str]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, DATABASE, read_migrations())
    numbered = set(re.findall(r"\?\d+", statement))
    parameters = [1] * (len(numbered) or statement.count("?"))
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    connection.close()
    return [str(detail) for *_, detail in rows]


def test_statements_are_found_by_name_without_their_comments() -> None:
    text = "-- About the file.\n\n-- name: one\n-- Why.\nSELECT\n  1\n\n-- name: two\nSELECT 2\n"

    assert parse_statements(text) == {"one": "SELECT\n  1", "two": "SELECT 2"}


def test_a_name_stands_for_one_statement() -> None:
    with pytest.raises(AssertionError, match="two statements are named one"):
        parse_statements("-- name: one\nSELECT 1\n-- name: one\nSELECT 2\n")


@pytest.mark.parametrize("statement", [*SQL.values(), *EVENT_SQL.values()], ids=[*SQL, *EVENT_SQL])
def test_every_statement_suits_the_schema(statement: str) -> None:
    plan_of(statement)


@pytest.mark.parametrize("name", sorted(SQL.keys() - {"select_counts", "end_leases"}))
def test_no_statement_of_a_commit_reads_all_jobs(name: str) -> None:
    plan = plan_of(SQL[name])

    scans = [step for step in plan if step.startswith("SCAN jobs") and "claimed" not in step]
    # What a subquery of that name found is read once.
    assert len(scans) == plan.count("CO-ROUTINE jobs")


@pytest.mark.parametrize(
    ("name", "index", "equal", "position"),
    [
        ("select_head", "jobs_ready", "queue_id=? AND <expr>=? AND rank=?", "rowid>?"),
        ("select_due", "jobs_scheduled", "due_at=?", "rowid>?"),
    ],
)
def test_a_position_within_equals_is_found_and_not_searched(
    name: str, index: str, equal: str, position: str
) -> None:
    plan = plan_of(SQL[name])

    assert f"SEARCH jobs USING INDEX {index} ({equal} AND {position})" in plan
    assert not [step for step in plan if "TEMP B-TREE" in step]


def test_the_last_jobs_are_found_from_the_end() -> None:
    plan = plan_of(SQL["select_tail"])

    steps = [step for step in plan if step.startswith("SEARCH jobs")]
    assert steps == ["SEARCH jobs USING INDEX jobs_ready (queue_id=? AND <expr>=?)"] * 2
    assert not [step for step in plan if "TEMP B-TREE" in step]


@pytest.mark.parametrize(
    ("way", "step"),
    [
        ("tenant", "INDEX jobs_tenant (tenant=? AND rowid>?{})"),
        ("key", "INDEX jobs_key_unique (key=? AND rowid>?{})"),
        ("group", "INDEX jobs_group (group_key=? AND rowid>?{})"),
        (
            "group in state",
            "INDEX jobs_group_unfinished (queue_id=? AND group_key=? AND state=? AND rowid>?{})",
        ),
        ("producer", "INDEX jobs_producer_unfinished (producer=? AND rowid>?{})"),
        ("dead", "INDEX jobs_aside (queue_id=? AND state=? AND rowid>?{})"),
        ("all", "INTEGER PRIMARY KEY (rowid>?{})"),
    ],
)
def test_a_list_goes_along_an_index_from_its_place_on(way: str, step: str) -> None:
    page, end = plan_of(LIST_JOBS[way]), plan_of(END_OF_PAGE[way])

    assert f"SEARCH jobs USING {step.format(' AND rowid<?')}" in page
    assert [found.replace("COVERING ", "") for found in end] == [
        f"SEARCH jobs USING {step.format('')}"
    ]
    assert not [found for found in page + end if "TEMP B-TREE" in found]


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        (
            "select_promotable",
            [
                "jobs_group_unfinished (queue_id=? AND group_key=? AND state<?)",
                "jobs_group_unfinished (queue_id=? AND group_key=? AND state=?)",
            ],
        ),
        ("select_occupied_groups", ["jobs_group_unfinished (queue_id=? AND group_key=?)"]),
        ("select_expiring", ["jobs_expiring (expires_at<?)"]),
        (
            "select_purgeable",
            [
                "jobs_aside (queue_id=? AND state=? AND rowid<?)",
                "jobs_aside (queue_id=? AND state=? AND rowid<?)",
                "jobs_ready (queue_id=?)",
            ],
        ),
        (
            "select_tags",
            ["jobs_tenant_waiting (queue_id=? AND tenant>?)"] * 2
            + ["jobs_tenant_waiting (queue_id=? AND tenant=? AND state=?)"] * 2,
        ),
        (
            "select_head_of_tenant",
            [
                f"jobs_tenant_waiting (queue_id=? AND tenant=? AND state=? AND {place})"
                for place in ("rank=? AND rowid>?", "rank>?")
            ],
        ),
        (
            "count_before",
            [
                "jobs_ready (queue_id=? AND <expr>=? AND rank=? AND rowid<?)",
                "jobs_ready (queue_id=? AND <expr>=? AND rank<?)",
            ]
            * 2,
        ),
    ],
)
def test_what_is_looked_for_is_found_by_an_index(name: str, steps: list[str]) -> None:
    searches = [step for step in plan_of(SQL[name]) if " USING " in step and "INDEX jobs_" in step]

    assert [re.sub(r".* USING (COVERING )?INDEX ", "", step) for step in searches] == steps


def test_loading_counts_from_indexes_alone() -> None:
    plan = plan_of(SQL["select_counts"])

    assert [step for step in plan if "jobs USING INTEGER PRIMARY KEY" in step] == []
    assert len([step for step in plan if "USING" in step and "jobs_" in step]) == 4


# --- events --------------------------------------------------------------------------------------

PAIR = "PRIMARY KEY (stream_id=? AND ms=? AND seq=?)"
RANGE = "PRIMARY KEY (stream_id=? AND (ms,seq)>(?,?) AND (ms,seq)<(?,?))"
BEFORE = "PRIMARY KEY (stream_id=? AND (ms,seq)<(?,?))"
OF_GROUP = "PRIMARY KEY (group_id=? AND ms=? AND seq=?)"
LOADING = {"select_streams", "select_followed_streams", "select_groups", "select_consumers"}
DEFINITIONS = {"select_triggers", "select_schedules"}
# Tables of which every row is the answer: of some rows, or wanted one after the other.
SMALL = ("next_event_numbers", "dropped_", "CONSTANT ROW", "json_each", "(subquery", "asked")


@pytest.mark.parametrize("name", sorted(EVENT_SQL.keys() - LOADING - DEFINITIONS))
def test_no_statement_of_a_commit_reads_all_events(name: str) -> None:
    plan = plan_of(EVENT_SQL[name])

    scans = [step for step in plan if step.startswith("SCAN")]
    assert [step for step in scans if not any(small in step for small in SMALL)] == []


@pytest.mark.parametrize(
    ("name", "table", "step"),
    [
        ("select_range", "events", RANGE),
        ("select_range_backwards", "events", RANGE),
        ("select_picks", "events", PAIR),
        ("select_fields", "events", PAIR),
        ("select_known_ids", "events", PAIR),
        ("delete_events", "events", PAIR),
        ("delete_events_before", "events", BEFORE),
        ("select_id_at", "events", BEFORE),
        ("select_last_id_before", "events", BEFORE),
        ("select_first_id", "events", "PRIMARY KEY (stream_id=?)"),
        ("sweep_events", "events", PAIR),
        ("delete_pending_events", "pending_events", OF_GROUP),
        ("sweep_pending_events", "pending_events", OF_GROUP),
        ("select_pending_events", "pending_events", "PRIMARY KEY (group_id=?)"),
        ("sweep_handled_keys", "handled_keys", "PRIMARY KEY (group_id=? AND key=?)"),
        ("select_handled_keys", "handled_keys", "PRIMARY KEY (group_id=? AND key=?)"),
        ("select_published_keys", "published_keys", "PRIMARY KEY (stream_id=? AND key=?)"),
        (
            "sweep_handled_keys_over",
            "handled_keys",
            "COVERING INDEX handled_keys_over ((remove_at,group_id,key)<(?,?,?))",
        ),
        (
            "sweep_published_keys_over",
            "published_keys",
            "COVERING INDEX published_keys_over ((remove_at,stream_id,key)<(?,?,?))",
        ),
    ],
)
def test_events_are_found_by_their_place(name: str, table: str, step: str) -> None:
    assert f"SEARCH {table} USING {step}" in plan_of(EVENT_SQL[name])


@pytest.mark.parametrize(
    "name",
    [
        "select_range",
        "select_range_backwards",
        "select_id_at",
        "select_last_id_before",
        "select_first_id",
        "select_handled_key_over",
        "select_published_key_over",
        "select_pending_events",
        "select_dropped_groups",
        "select_dropped_streams",
    ],
)
def test_the_order_of_an_index_is_not_sorted_again(name: str) -> None:
    assert not [step for step in plan_of(EVENT_SQL[name]) if "TEMP B-TREE" in step]
