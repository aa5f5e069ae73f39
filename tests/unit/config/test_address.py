"""HOST:PORT in all its forms."""

import pytest

from penstock.config.address import Address, parse_address

READ = [
    ("127.0.0.1:7711", Address("127.0.0.1", 7711)),
    ("localhost:0", Address("localhost", 0)),
    ("0.0.0.0:65535", Address("0.0.0.0", 65535)),
    ("[::1]:7711", Address("::1", 7711)),
    ("[fe80::1%eth0]:7711", Address("fe80::1%eth0", 7711)),
    ("jobs.internal:7711", Address("jobs.internal", 7711)),
]

REFUSED = [
    ("7711", "write 127.0.0.1:7711"),
    (":7711", "write 127.0.0.1:7711, or 0.0.0.0:7711 for every interface"),
    ("127.0.0.1", "with a port from 0 to 65535"),
    ("127.0.0.1:", "with a port from 0 to 65535"),
    ("127.0.0.1:x", "with a port from 0 to 65535"),
    ("127.0.0.1:07711", "with a port from 0 to 65535"),
    ("127.0.0.1:+1", "with a port from 0 to 65535"),
    ("127.0.0.1:65536", "port 65536 does not exist"),
    ("::1:7711", "an IPv6 address stands in brackets"),
    ("[127.0.0.1]:7711", "[127.0.0.1] is not an IPv6 address"),
    ("[::1]", "with a port from 0 to 65535"),
    ("a b:1", "HOST:PORT"),
    ("127.0.0.1:7711\n", "HOST:PORT"),
    ("", "HOST:PORT"),
]


@pytest.mark.parametrize(("text", "address"), READ)
def test_an_address_is_read_and_written_alike(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_is_no_address_is_refused_with_the_form_it_needs(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_address(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("localhost.example.org", False),
    ],
)
def test_only_what_cannot_be_reached_from_outside_counts_as_loopback(
    host: str, loopback: bool
) -> None:
    assert Address(host, 7711).loopback is loopback
