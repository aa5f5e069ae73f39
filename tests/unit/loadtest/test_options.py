import pytest

from penstock.loadtest.main import EXIT_UNREACHABLE, EXIT_USAGE, main


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--connections", "0"], "--connections is 0"),
        (["--pipeline", "5000"], "--pipeline is 5000"),
        (["--count", "0"], "--count is 0"),
        (["--rate", "-1"], "--rate is -1"),
        (["--duration", "soon"], "--duration is 'soon'"),
        (["--duration", "2h"], "--duration in ms is 7200000"),
        (["--server", "192.0.2.1:7711"], "--allow-remote"),
        (["--workload", "paint"], "no request is called paint"),
        (["ticker", "--rate", "0"], "--rate is 0"),
        (["ticker", "--consumers", "0"], "--consumers is 0"),
        (["ticker", "--processes", "65"], "--processes is 65"),
        (["ticker", "--duration", "10s", "--sleep", "10s"], "it must be from 11000 to"),
        (["ticker", "--server", "192.0.2.1:7711"], "--allow-remote"),
        (["events-memory", "-n", "0"], "--events is 0"),
        (["events-memory", "-d", "-1"], "--payload-bytes is -1"),
        (["streams", "-n", "10"], "--requests is 10"),
    ],
)
def test_an_option_out_of_range_is_named_and_explained(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == EXIT_USAGE
    assert text in capsys.readouterr().err


def test_a_server_that_is_not_there_has_its_own_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--server", "127.0.0.1:1"]) == EXIT_UNREACHABLE
    assert "no server answers at 127.0.0.1:1" in capsys.readouterr().err
