"""docs/configuration.md says what the table of settings says."""

import re
import tomllib
from pathlib import Path

from penstock.config.keys import KEYS
from penstock.config.loading import load_settings
from penstock.config.queue_keys import QUEUE_KEYS
from penstock.config.reference import write_queue_reference, write_reference

DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_document_holds_the_table_as_it_is_written_from_the_code() -> None:
    """`python -m penstock.config.reference` prints what to put there."""
    assert write_reference() in DOCUMENT.read_text()
    assert write_queue_reference() in DOCUMENT.read_text()


def test_the_example_in_the_document_is_accepted(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    file = tmp_path / "penstock.toml"
    file.write_text(example)

    loaded = load_settings({}, {}, file)

    assert set(tomllib.loads(example)) <= {*KEYS, "queue"}
    assert loaded.settings.workers == 4
    assert set(loaded.settings.queue_settings) == {"reports", "mail.eu"}


def test_every_setting_says_what_it_means_in_one_sentence() -> None:
    assert all(key.meaning.endswith(".") and key.meaning[0].isupper() for key in KEYS.values())


def test_every_setting_of_a_queue_says_what_it_means_in_one_sentence() -> None:
    assert all(
        key.meaning.endswith(".") and key.meaning[0].isupper() for key in QUEUE_KEYS.values()
    )


def test_a_password_is_the_only_setting_without_a_flag() -> None:
    assert [key.name for key in KEYS.values() if key.flag is None] == ["password"]
