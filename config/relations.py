"""What must hold between settings, each of which is right by itself."""

from collections.abc import Mapping

from penstock.config.errors import Mistakes, SettingsError
from penstock.config.origins import Origin
from penstock.config.settings import Settings


def check_relations(settings: Settings, origins: Mapping[str, Origin], mistakes: Mistakes) -> None:
    """Note what cannot be meant together."""
    with mistakes.noted():
        _check_exposure(settings, origins)
    with mistakes.noted():
        _check_addresses(settings, origins)
    with mistakes.noted():
        _check_order(settings, origins, "retry_base_ms", "retry_cap_ms")
    with mistakes.noted():
        _check_order(settings, origins, "result_bytes_max", "output_bytes_max")


def _check_exposure(settings: Settings, origins: Mapping[str, Origin]) -> None:
    if settings.listen.loopback or settings.password is not None:
        return
    origin = origins["listen"]
    raise SettingsError(
        f"listen is {settings.listen} ({origin.phrase}), which other machines may reach, and"
        " no password is set: set PENSTOCK_PASSWORD, or listen on"
        f" 127.0.0.1:{settings.listen.port}",
        key="listen",
        origin=origin,
    )


def _check_addresses(settings: Settings, origins: Mapping[str, Origin]) -> None:
    if settings.http is None or settings.http != settings.listen or settings.listen.port == 0:
        return
    raise SettingsError(
        f"listen ({origins['listen'].phrase}) and http ({origins['http'].phrase}) are both"
        f" {settings.http}: give them different ports, or set http to off",
        key="http",
        origin=origins["http"],
    )


def _check_order(
    settings: Settings, origins: Mapping[str, Origin], less: str, greater: str
) -> None:
    low, high = getattr(settings, less), getattr(settings, greater)
    if low <= high:
        return
    raise SettingsError(
        f"{less} is {low} ({origins[less].phrase}) and more than {greater}, which is {high}"
        f" ({origins[greater].phrase}): lower the one or raise the other",
        key=less,
        origin=origins[less],
    )
