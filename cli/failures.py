"""Which exit code and which sentence an error becomes."""

from penstock.cli.exits import CommandFailed, Exit
from penstock.cli.options import PASSWORD_VARIABLE
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
            has_more = "\n" in error.traceback.strip()
            what = "has the traceback" if has_more else "shows its attempts"
            more = f"(penstock show {error.job_id} {what})"
            return CommandFailed(Exit.JOB_FAILED, f"{error} {more}")
        case errors.JobCancelled() | errors.JobExpired():
            return CommandFailed(Exit.JOB_FAILED, str(error))
        case errors.WaitTimeout():
            return CommandFailed(
                Exit.TIMEOUT,
                f"job {error.job_id} did not finish in time and goes on;"
                f" penstock wait {error.job_id} waits on",
            )
        case errors.Refused(code="NOAUTH"):
            return CommandFailed(
                Exit.REFUSED,
                "NOAUTH the server wants a password; put it into the variable"
                f" {PASSWORD_VARIABLE}, such as {PASSWORD_VARIABLE}=... penstock queues",
            )
        case errors.Refused(code="WRONGPASS"):
            return CommandFailed(
                Exit.REFUSED,
                f"WRONGPASS the password in {PASSWORD_VARIABLE} is not the server's; ask its"
                " operator for it",
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
