"""What can be wrong on this machine, as a sentence with a way out."""


class LocalProblem(Exception):
    """Shown to the user as it is, without a traceback: what happened, and what to do."""
