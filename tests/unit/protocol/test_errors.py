"""The table of error codes."""

import pytest

from penstock.protocol.errors import ERRORS, ArgumentError, ErrorCode, Outcome

# Words that Redis' clients act upon by themselves: they redirect, retry or reload scripts.
CLIENTS_OWN = {"MOVED", "ASK", "CLUSTERDOWN", "TRYAGAIN", "READONLY", "MASTERDOWN", "NOSCRIPT"} | {
    "UNBLOCKED",
    "NOPERM",
    "OOM",
    "CROSSSLOT",
    "LOADING",
    "BUSY",
}


@pytest.mark.parametrize("code", ErrorCode)
def test_a_code_is_one_upper_case_word_with_a_meaning(code: ErrorCode) -> None:
    assert code.value.isalpha()
    assert code.value.isupper()
    assert ERRORS[code].meaning.endswith(".")
    assert ERRORS[code].remedy.endswith(".")


def test_no_code_is_one_that_clients_act_upon_by_themselves() -> None:
    assert CLIENTS_OWN.isdisjoint(ErrorCode)


def test_only_one_code_leaves_the_outcome_open() -> None:
    unknown = [code for code, row in ERRORS.items() if row.outcome is Outcome.UNKNOWN]

    assert unknown == [ErrorCode.UNKNOWN]


def test_an_argument_error_reads_as_it_is_sent() -> None:
    assert str(ArgumentError(ErrorCode.NOPROTO, "unsupported")) == "NOPROTO unsupported"
