"""What can go wrong when the log is read."""

from common.problems import Problem, Unavailable


class CursorTooOld(Problem):
    """Events behind this cursor are not kept any more, so going on from it would skip them.

    Read the present state through the API, then go on with `after=latest`; or take what is still there with
    `after=oldest`.
    """

    status, slug, title = 410, "cursor-too-old", "Events behind this cursor are gone"

    def __init__(self, position: int, *, oldest: int) -> None:
        super().__init__(
            f"Events behind {position} were kept for 30 days and are gone. Read the present state through the API and "
            f"go on with after=latest, or take what is left with after={oldest}.",
            oldest=str(oldest),
        )


class TooManyStreams(Unavailable):
    """As many streams are open as this process serves. Come again, or read pages of /v1/events meanwhile."""

    slug, title = "too-many-streams", "Too many streams are open"
