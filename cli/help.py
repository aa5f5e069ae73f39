"""What `--help` shows beside the names of arguments and flags: what people write, no types."""

from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup


class HelpfulCommand(TyperCommand):
    """A command whose help names no Python types."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [_without_type(each) for each in super().get_params(ctx)]


class HelpfulGroup(TyperGroup):
    """A group of commands whose help names no Python types."""

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
