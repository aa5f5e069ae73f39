"""COMMAND and its subcommands, as Redis' clients read them."""

import pytest

from penstock.protocol.commands import COMMANDS
from penstock.protocol.errors import ArgumentError
from penstock.protocol.introspection import (
    command_count,
    command_docs,
    command_info,
    command_keys,
    command_names,
    help_lines,
)
from penstock.protocol.replies import Simple, encode


def test_count_and_names_cover_the_table() -> None:
    assert command_count() == len(COMMANDS)
    assert command_names() == [name.decode().lower() for name in COMMANDS]


def test_info_describes_every_command_unless_told() -> None:
    assert len(command_info()) == len(COMMANDS)


def test_info_has_redis_ten_fields() -> None:
    assert command_info([b"job.submit"]) == [
        ["job.submit", -3, [Simple("write"), Simple("fast")], 0, 0, 0, [], [], [], []]
    ]


def test_info_says_where_the_names_of_streams_are() -> None:
    places = {
        b"XADD": ([Simple("write"), Simple("fast")], 1, 1, 1),
        b"XLEN": ([Simple("readonly")], 1, 1, 1),
        b"DEL": ([Simple("write")], 1, -1, 1),
        b"XGROUP|CREATE": ([Simple("write")], 2, 2, 1),
        b"XINFO": ([], 0, 0, 0),
        b"XREAD": ([Simple("blocking"), Simple("readonly"), Simple("movablekeys")], 0, 0, 0),
        b"TRIGGER.SET": ([Simple("write")], 3, 3, 1),
    }

    for row, expected in zip(command_info(list(places)), places.values(), strict=True):
        assert isinstance(row, list)
        assert tuple(row[2:6]) == expected


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("xadd s * f v", ["s"]),
        ("DEL a b c", ["a", "b", "c"]),
        ("XREAD COUNT 2 streams a b 0 0", ["a", "b"]),
        ("XREADGROUP GROUP g c STREAMS a >", ["a"]),
        ("XGROUP create s g $", ["s"]),
        ("TRIGGER.SET t ON s SUBMIT task", ["s"]),
    ],
)
def test_the_names_of_streams_in_a_command_are_found(line: str, keys: list[str]) -> None:
    assert command_keys(line.encode().split()) == [key.encode() for key in keys]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("GET a", "Invalid command specified"),
        ("XGROUP FOO a", "Invalid command specified"),
        ("XGROUP", "The command has no key arguments"),
        ("PING a", "The command has no key arguments"),
        ("KEYS *", "The command has no key arguments"),
        ("XADD s", "Invalid number of arguments specified for command"),
        ("XREAD COUNT 1 FOO a", "Invalid arguments specified for command"),
        ("XREAD COUNT 1 STREAMS a", "Invalid arguments specified for command"),
        ("XREAD COUNT 1 a STREAMS", "Invalid arguments specified for command"),
    ],
)
def test_a_command_without_names_of_streams_is_refused_in_redis_words(line: str, text: str) -> None:
    with pytest.raises(ArgumentError) as refusal:
        command_keys(line.encode().split())

    assert refusal.value.text == text


def test_info_finds_subcommands_by_their_full_name() -> None:
    assert command_info([b"Client|Id"]) == [["client|id", 2, [], 0, 0, 0, [], [], [], []]]


def test_info_nests_subcommands() -> None:
    info = command_info([b"config"])[0]

    assert isinstance(info, list)
    assert [sub[0] for sub in info[9]] == [
        "config|get",
        "config|set",
        "config|resetstat",
        "config|help",
    ]


def test_info_is_null_for_what_does_not_exist() -> None:
    assert command_info([b"get", b"client|kill"]) == [None, None]


def test_docs_describe_every_command_unless_told() -> None:
    assert list(command_docs()) == [name.decode().lower() for name in COMMANDS]


def test_docs_leave_out_what_does_not_exist() -> None:
    assert list(command_docs([b"PING", b"get"])) == ["ping"]


def test_docs_describe_arguments_as_redis_does() -> None:
    assert command_docs([b"JOB.CLAIM"])["job.claim"] == {
        "summary": "Take ready jobs to run them, the most urgent first.",
        "since": "0.1.0",
        "group": "job",
        "complexity": "O(M log N) with M jobs taken of N waiting.",
        "arguments": [
            {
                "name": "queue",
                "type": "string",
                "display_text": "queue",
                "flags": [Simple("multiple")],
            },
            {
                "name": "n",
                "type": "integer",
                "display_text": "n",
                "token": "COUNT",
                "flags": [Simple("optional")],
            },
            {
                "name": "ms",
                "type": "integer",
                "display_text": "ms",
                "token": "WAIT",
                "flags": [Simple("optional")],
            },
        ],
    }


def test_docs_put_options_that_exclude_each_other_into_one_choice() -> None:
    submit = command_docs([b"JOB.SUBMIT"])["job.submit"]

    assert isinstance(submit, dict)
    assert submit["arguments"][4] == {
        "name": "due",
        "type": "oneof",
        "arguments": [
            {"name": "ms", "type": "integer", "display_text": "ms", "token": "DELAY"},
            {"name": "unix-ms", "type": "integer", "display_text": "unix-ms", "token": "AT"},
        ],
        "flags": [Simple("optional")],
    }


def test_docs_put_options_where_they_stand() -> None:
    xread = command_docs([b"XREAD"])["xread"]

    assert isinstance(xread, dict)
    assert [shape["token"] for shape in xread["arguments"][:3]] == ["COUNT", "BLOCK", "STREAMS"]
    assert [shape["name"] for shape in xread["arguments"][2:]] == ["key", "id"]


def test_docs_put_arguments_that_come_together_into_a_block() -> None:
    xadd = command_docs([b"XADD"])["xadd"]

    assert isinstance(xadd, dict)
    assert xadd["arguments"][-1] == {
        "name": "field-value",
        "type": "block",
        "arguments": [
            {"name": "field", "type": "string", "display_text": "field"},
            {"name": "value", "type": "string", "display_text": "value"},
        ],
        "flags": [Simple("multiple")],
    }


def test_docs_leave_no_choice_where_one_of_the_first_options_is_needed() -> None:
    xtrim = command_docs([b"XTRIM"])["xtrim"]

    assert isinstance(xtrim, dict)
    _, strategy, limit = xtrim["arguments"]
    assert strategy["type"] == "oneof"
    assert "flags" not in strategy
    assert limit["flags"] == [Simple("optional")]


def test_docs_mark_a_keyword_that_stands_alone() -> None:
    delete = command_docs([b"QUEUE.DELETE"])["queue.delete"]

    assert isinstance(delete, dict)
    assert delete["arguments"][1]["type"] == "pure-token"
    assert delete["arguments"][1]["token"] == "FORCE"


def test_docs_put_options_that_stand_instead_of_a_parameter_into_one_choice() -> None:
    discard = command_docs([b"JOB.DISCARD"])["job.discard"]

    assert isinstance(discard, dict)
    (choice,) = discard["arguments"]
    assert choice["type"] == "oneof"
    job_id, block = choice["arguments"]
    assert job_id["name"] == "id"
    assert block["type"] == "block"
    assert [option.get("flags") for option in block["arguments"]] == [
        None,
        *[[Simple("optional")]] * 4,
    ]


def test_docs_put_words_into_one_choice() -> None:
    submit = command_docs([b"JOB.SUBMIT"])["job.submit"]

    assert isinstance(submit, dict)
    (jitter,) = [each for each in submit["arguments"] if each.get("token") == "RETRY-JITTER"]
    assert jitter == {
        "name": "retry-jitter",
        "type": "oneof",
        "token": "RETRY-JITTER",
        "arguments": [
            {"name": "full", "type": "pure-token", "display_text": "full", "token": "FULL"},
            {"name": "none", "type": "pure-token", "display_text": "none", "token": "NONE"},
        ],
        "flags": [Simple("optional")],
    }


def test_docs_put_two_values_of_one_option_into_a_block() -> None:
    setting = command_docs([b"QUEUE.SET"])["queue.set"]

    assert isinstance(setting, dict)
    (weight,) = [each for each in setting["arguments"] if each.get("token") == "WEIGHT"]
    assert weight["type"] == "block"
    assert [value["name"] for value in weight["arguments"]] == ["tenant", "n"]


def test_docs_mark_what_may_be_left_out() -> None:
    complete = command_docs([b"JOB.COMPLETE"])["job.complete"]

    assert isinstance(complete, dict)
    assert complete["arguments"][2]["flags"] == [Simple("optional")]


def test_docs_nest_subcommands() -> None:
    client = command_docs([b"client"])["client"]

    assert isinstance(client, dict)
    assert "client|setname" in client["subcommands"]


def test_everything_can_be_sent_in_both_versions() -> None:
    for resp3 in (False, True):
        assert encode(command_docs(), resp3)
        assert encode(command_info(), resp3)


def test_help_lists_each_subcommand_with_its_summary() -> None:
    lines = help_lines(COMMANDS[b"CONFIG"])

    assert lines[0] == "CONFIG <subcommand> [<arg> ...]. Subcommands are:"
    assert lines[5:7] == ["RESETSTAT", "    Accepted for clients' sake; counters go on."]
