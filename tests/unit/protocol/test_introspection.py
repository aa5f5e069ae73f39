"""COMMAND and its subcommands, as Redis' clients read them."""

from penstock.protocol.commands import COMMANDS
from penstock.protocol.introspection import (
    command_count,
    command_docs,
    command_info,
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
