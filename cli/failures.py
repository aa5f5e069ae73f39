"""Which exit code and which sentence an error becomes."""

from penstock.cli.exits import CommandFailed, Exit
from penstock.config.errors import SettingsError


def explain(error: Exception) -> CommandFailed | None:
    """Return how the command ends, or None where the error is not one of ours."""
    if isinstance(error, CommandFailed):
        return error
    if isinstance(error, SettingsError):
        return CommandFailed(Exit.USAGE, str(error))
    return _explain_client(error)


def _explain_client(error: Exception) -> CommandFailed | None:
    # Imported here: `penstock version` and `penstock config` need no client.
    from penstock.client import errors

    match error:
        case errors.JobFailed():
            more = f"(penstock show {error.job_id} has the traceback)"
            return CommandFailed(Exit.JOB_FAILED, f"{error} {more}")
        case errors.WaitTimeout():
            return CommandFailed(
                Exit.TIMEOUT,
                f"job {error.job_id} did not finish in time and goes on;"
                f" penstock wait {error.job_id} waits on",
            )
        case errors.Refused():
            return CommandFailed(Exit.REFUSED, str(error))
        case errors.OutcomeUnknown(key=str(key)):
            again = f"the same command with --key {key} is safe to repeat"
            return CommandFailed(Exit.UNREACHABLE, f"{error}; {again}")
        case errors.PenstockError():
            return CommandFailed(Exit.UNREACHABLE, str(error))
        case _:
            return None
