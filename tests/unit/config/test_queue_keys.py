"""What the settings file may say of single queues, and how mistakes in it are told."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from penstock.config.errors import SettingsError
from penstock.config.kinds import WholeNumber
from penstock.config.loading import load_settings
from penstock.config.queue_defaults import QueueDefaults
from penstock.config.queue_keys import QUEUE_KEYS, queue_key_name
from penstock.jobs.queue_settings import (
    RANGES,
    Order,
    QueueSettings,
    WhenFull,
    settings_from_file,
)


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(toml: str) -> Mapping[str, QueueDefaults]:
    Path("penstock.toml").write_text(toml)
    return load_settings({}, {}).settings.queue_settings


def refusal(toml: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(toml)
    return str(caught.value)


def test_without_tables_no_queue_has_settings_of_its_own() -> None:
    assert load("workers = 1") == {}


def test_every_setting_can_be_given() -> None:
    ageing = load(
        """
        [queue.mail]
        order = "ageing"
        ageing_ms = 60_000
        length_max = 1_000
        bytes_max = 1_000_000
        when_full = "wait"
        reserve_percent = 10
        concurrency_max = 8
        tenant_concurrency_max = 2
        rate_count = 100
        rate_period_ms = 1_000
        burst = 20
        attempts_max = 5
        timeout_ms = 30_000
        retry_base_ms = 10
        retry_cap_ms = 1_000
        retry_jitter = "none"
        keep_ms = 1
        dead_keep_ms = 2
        """
    )["mail"]
    fair = load(
        """
        [queue.mail]
        order = "fair"
        weights = { acme = 3, "other/tenant" = 1 }
        retry_delays_ms = [1, 1_000]
        """
    )["mail"]

    assert set(ageing.given()) | set(fair.given()) == set(QUEUE_KEYS)
    assert (ageing.order, ageing.ageing_ms, ageing.when_full) == ("ageing", 60_000, "wait")
    assert fair.given() == {
        "order": "fair",
        "weights": {"acme": 3, "other/tenant": 1},
        "retry_delays_ms": (1, 1000),
    }


def test_what_was_read_becomes_the_lower_layer_of_a_queue() -> None:
    read = load(
        '[queue.mail]\norder = "fair"\nweights = { acme = 3 }\nretry_delays_ms = [0, 5]\n'
        '[queue.bulk]\nlength_max = 5\nwhen_full = "drop"\nretry_jitter = "none"'
    )

    mail, bulk = (settings_from_file(read[name].given()) for name in ("mail", "bulk"))

    assert mail == QueueSettings(order=Order.FAIR, weights={"acme": 3}, retry_delays_ms=(0, 5))
    assert bulk == QueueSettings(length_max=5, when_full=WhenFull.DROP, retry_jitter=False)


def test_what_a_table_does_not_say_is_left_open() -> None:
    assert load("[queue.mail]") == {"mail": QueueDefaults()}
    assert QueueDefaults().given() == {}


def test_ageing_ms_says_the_order() -> None:
    assert load("[queue.mail]\nageing_ms = 5")["mail"].order == "ageing"


@pytest.mark.parametrize("name", ["mail.eu", "mail/eu", "a:b", "a@b", "a+b", "default", "a-b_c"])
def test_any_name_of_a_queue_can_be_given_in_quotes(name: str) -> None:
    assert load(f'[queue."{name}"]\nlength_max = 5')[name].length_max == 5


def test_tables_and_the_queues_of_the_workers_do_not_meet() -> None:
    Path("penstock.toml").write_text('queues = ["mail"]\n[queue.mail]\nlength_max = 5')

    settings = load_settings({}, {}).settings

    assert settings.queues == ("mail",)
    assert settings.queue_settings["mail"].length_max == 5


def test_what_was_read_cannot_be_changed() -> None:
    read = load('[queue.mail]\norder = "fair"\nweights = { acme = 3 }')

    with pytest.raises(FrozenInstanceError):
        read["mail"].order = "strict"  # type: ignore[misc]
    with pytest.raises(TypeError):
        read["mail"].weights["acme"] = 1  # type: ignore[index]
    with pytest.raises(TypeError):
        read["other"] = QueueDefaults()  # type: ignore[index]


# Content of [queue.mail], and what is said of it.
IN_TABLES = [
    # Unknown.
    ("lenght_max = 5", "queue.mail.lenght_max (in {file}) is no setting of a queue; did you mean"),
    ("zebra = 5", "is no setting of a queue; a queue has order, ageing_ms, weights"),
    ("paused = true", "queue.mail.paused (in {file}) is no setting of a queue"),
    # Wrong types.
    ("length_max = '5'", "queue.mail.length_max is '5' (in {file}): it must be a whole number of"),
    ("length_max = '5'", "; write 5, without quotes"),
    ("length_max = 5.0", "queue.mail.length_max is 5.0 (in {file}): it must be a whole number"),
    ("concurrency_max = true", "queue.mail.concurrency_max is true (in {file}): it must be"),
    ("timeout_ms = '5m'", "; write 300000, without quotes"),
    ("bytes_max = '1GiB'", "; write 1073741824, without quotes"),
    ("order = 1", "queue.mail.order is 1 (in {file}): it must be one of strict, ageing, fair, as"),
    ("retry_delays_ms = 5", "it must be a list of 1 to 100 whole numbers of milliseconds"),
    ("retry_delays_ms = [1, '5s']", "'5s' cannot be one of them: it must be a whole number"),
    ("order = 'fair'\nweights = 3", "it must be a table of tenants with whole numbers"),
    ("order = 'fair'\nweights = { acme = '3' }", "of acme, it must be a whole number"),
    # Out of range.
    ("order = 'random'", "it must be one of strict, ageing, fair"),
    ("retry_delays_ms = []", "it must be a list of 1 to 100"),
    ("retry_delays_ms = [-1]", "-1 cannot be one of them"),
    ("reserve_percent = 100\nlength_max = 5", "a whole number of percent from 0 to 90"),
    ("order = 'fair'\nweights = {}", "it must be a table of tenants"),
    ("order = 'fair'\nweights = { acme = 0 }", "of acme, it must be a whole number from 1 to"),
    ("order = 'fair'\nweights = { 'a b' = 1 }", "'a b' cannot name a tenant"),
    # At odds.
    ("order = 'strict'\nageing_ms = 5", "queue.mail.ageing_ms is set and order is strict"),
    ("order = 'fair'\nageing_ms = 5", "queue.mail.ageing_ms is set and order is fair"),
    ("order = 'ageing'", "queue.mail.order is ageing (in {file}): say with ageing_ms how long"),
    ("weights = { acme = 3 }", 'weights counts in a fair order only (in {file}): write order = "f'),
    ("when_full = 'drop'", "has no effect by itself (in {file}): set length_max or bytes_max"),
    ("reserve_percent = 5", "queue.mail.reserve_percent has no effect by itself"),
    ("burst = 5", "queue.mail.burst has no effect by itself (in {file}): set rate_count"),
    ("rate_period_ms = 5", "queue.mail.rate_period_ms has no effect by itself"),
    ("retry_delays_ms = [5]\nretry_base_ms = 5", "queue.mail.retry_base_ms and retry_delays_ms"),
    ("retry_delays_ms = [5]\nretry_cap_ms = 5", "queue.mail.retry_cap_ms and retry_delays_ms are"),
    ("retry_delays_ms = [5]\nretry_jitter = 'full'", "retry_jitter and retry_delays_ms are both"),
    ("retry_base_ms = 6\nretry_cap_ms = 5", "is 6 and more than retry_cap_ms, which is 5"),
    ("concurrency_max = 5\ntenant_concurrency_max = 6", "is 6 and more than concurrency_max"),
]


@pytest.mark.parametrize(("content", "said"), IN_TABLES)
def test_a_mistake_in_a_table_is_named_with_queue_and_file(
    directory: Path, content: str, said: str
) -> None:
    expected = said.format(file=directory / "penstock.toml") if "{file}" in said else said

    assert expected in refusal(f"[queue.mail]\n{content}")


@pytest.mark.parametrize(
    "name", [name for name, (least, _) in RANGES.items() if least] + ["ageing_ms"]
)
def test_a_limit_of_zero_is_refused(name: str) -> None:
    assert f"queue.mail.{name} is " in refusal(f"[queue.mail]\n{name} = 0")


AROUND_TABLES = [
    ("queue = 5", "queue is 5 (in {file}): write [queue.NAME] tables"),
    ("[queue]\nlength_max = 5", "queue.length_max is 5 (in {file}): name the queue it is for"),
    ("[[queue.mail]]\nlength_max = 5", "queue.mail is [{{'length_max': 5}}] (in {file}): name the"),
    ("[queue.mail.eu]\nlength_max = 5", '[queue."mail.eu"]'),
    ("[queue.mail.eu.de]\nlength_max = 5", '[queue."mail.eu.de"]'),
    ("[queue.a.b.weights]\nacme = 5", '[queue."a.b"]'),
    ('[queue."a b"]\nlength_max = 5', "queue.\"a b\" (in {file}): 'a b' cannot name a queue"),
    ('[queue.""]\nlength_max = 5', "queue.\"\" (in {file}): '' cannot name a queue"),
    ("[queue.a/b]\nlength_max = 5", '([queue."mail.eu"])'),
]


@pytest.mark.parametrize(("toml", "said"), AROUND_TABLES)
def test_a_mistake_around_the_tables_is_named(directory: Path, toml: str, said: str) -> None:
    assert said.format(file=directory / "penstock.toml") in refusal(toml)


def test_the_number_of_tables_has_a_limit() -> None:
    tables = "\n".join(f"[queue.q{number}]" for number in range(10_001))

    assert "queue has 10001 tables" in refusal(tables)


@pytest.mark.parametrize("name", RANGES)
def test_a_number_may_be_what_queue_set_takes(name: str) -> None:
    kind = QUEUE_KEYS[name].kind

    assert isinstance(kind, WholeNumber)
    # There, an ageing of 0 says that there is none; here the order says so.
    assert (kind.minimum, kind.maximum) == (
        (1, RANGES[name][1]) if name == "ageing_ms" else RANGES[name]
    )


def test_mistakes_of_several_queues_are_told_at_once() -> None:
    said = refusal("[queue.a]\nburst = 5\nlength_max = 0\n[queue.b]\norder = 'x'\n[queue.'c d']")

    assert said.startswith("the settings have 4 mistakes:")


def test_a_queue_cannot_be_set_by_a_variable() -> None:
    with pytest.raises(SettingsError, match="is no setting"):
        load_settings({}, {"PENSTOCK_QUEUE_MAIL_LENGTH_MAX": "5"})


@pytest.mark.parametrize(
    ("queue", "written"),
    [("mail", "queue.mail.x"), ("a-b_C1", "queue.a-b_C1.x"), ("a.b", 'queue."a.b".x')],
)
def test_a_name_is_written_as_toml_reads_it(queue: str, written: str) -> None:
    assert queue_key_name(queue, "x") == written
