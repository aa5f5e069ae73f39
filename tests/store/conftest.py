"""The suite lies in modules of its own; its asserts are to be told like a test's."""

import pytest

pytest.register_assert_rewrite(
    "tests.store.asking", "tests.store.contract", "tests.store.contract_questions"
)
