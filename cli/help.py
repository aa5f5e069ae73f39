"""What `--help` shows beside the names of arguments and flags: what people write, no types."""

from typing import Any, Final

from typer.core import TyperArgument, TyperCommand, TyperGroup

# The panels of `penstock --help`, from its top to its bottom.
SERVERS: Final = "Servers and workers"
JOBS: Final = "Jobs"
QUEUES: Final = "Queues"
EVENTS: Final = "Events"
OTHERS: Final = "About"
_PANELS: Final = (SERVERS, JOBS, QUEUES, EVENTS, OTHERS)


class HelpfulCommand(TyperCommand):
    """A command whose help names no Python types."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [_without_type(each) for each in super().get_params(ctx)]


class HelpfulGroup(TyperGroup):
    """A group of commands whose help names no Python types, and has its panels in order."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=self._panel)

    def _panel(self, name: str) -> int:
        panel = getattr(self.commands[name], "rich_help_panel", None)
        return _PANELS.index(panel) if panel in _PANELS else 0

    def get_params(self, ctx: Any) -> list[Any]:
        return [_without_type(each) for each in super().get_params(ctx)]


def _without_type(parameter: Any) -> Any:
    if isinstance(parameter, TyperArgument):
        # Its name stands there already.
        vars(parameter)["display_type_rich"] = _nothing
    elif parameter.metavar is None and getattr(parameter, "is_flag", False):
        parameter.metavar = ""
    return parameter


def _nothing(ctx: Any) -> None:
    return None
