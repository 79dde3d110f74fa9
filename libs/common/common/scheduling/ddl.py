"""The tables of the job queue, for the platform's migration step.

They are pgqueuer's own, as text, so that a released step stays what it was; a test holds the text against the installed
pgqueuer. Its notify trigger is left out: a NOTIFY takes a lock on commit that serialises all committing transactions.
"""

from importlib.resources import files


def queue_ddl() -> tuple[str, ...]:
    """Statements that make the queue's type, tables and indexes, in order; each runs once, in an empty schema."""
    text = files("common.scheduling").joinpath("queue.sql").read_text(encoding="utf-8")
    statements = (part.strip() for part in text.split("\n\n"))
    return tuple(statement for statement in statements if not statement.startswith("--"))
