"""The suite lies in modules of its own; its asserts are to be told like a test's."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    "tests.store.asking",
    *(f"tests.store.{path.stem}" for path in Path(__file__).parent.glob("contract*.py")),
)
