"""What is raised when a measurement cannot be made."""


class LoadtestError(Exception):
    """The base of everything this package raises; the text says what to do."""


class Usage(LoadtestError):
    """What was asked for makes no sense or is not allowed."""


class Unreachable(LoadtestError):
    """No server answers at the address, or it went away."""


class NotInstalled(LoadtestError):
    """A program or a package that the measurement needs is missing."""
