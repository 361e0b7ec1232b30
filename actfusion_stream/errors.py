"""The one exception that a user, not a developer, is meant to read."""


class StreamError(Exception):
    """Something the user gave cannot be used.

    The message is one line that names what was given, what was found and what would work. The command line
    prints it without a traceback and exits non-zero; a traceback therefore always means a bug of ours.
    """
