"""A password is used and never shown."""

import pytest

from penstock.config.secret import Secret
from penstock.config.settings import Settings

PASSWORD = "open sesame"


@pytest.mark.parametrize("form", ["{}", "{!s}", "{!r}"])
def test_no_way_of_printing_settings_shows_the_password(form: str) -> None:
    printed = form.format(Settings(password=Secret(PASSWORD)))

    assert PASSWORD not in printed
    assert "password=set" in printed


def test_a_password_matches_itself_only() -> None:
    secret = Secret(PASSWORD)

    assert secret.matches(PASSWORD.encode())
    assert not secret.matches(PASSWORD.encode() + b" ")
    assert secret == Secret(PASSWORD)
    assert secret != PASSWORD
    assert secret.reveal() == PASSWORD


def test_equal_passwords_are_one_member_of_a_set() -> None:
    assert len({Secret(PASSWORD), Secret(PASSWORD)}) == 1
