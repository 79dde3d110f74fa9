"""What can end an import as a whole. A line that is wrong never does."""

from collections.abc import Mapping

from common.problems import BadRequest, Unavailable


class ImportCutOff(BadRequest):
    """The file did not arrive whole. The batches before that point are in; send it again, nothing is doubled."""

    slug, title = "import-cut-off", "The file ended early"


class ImportInterrupted(Unavailable):
    """The database went away in the middle. ``imported_through`` is the last line of the file that is in, or refused.

    Send the file again, whole or from the line after it: what is in is recognised and not doubled.
    """

    slug, title = "import-interrupted", "The import stopped in the middle"

    def __init__(self, through: int, report: Mapping[str, object]) -> None:
        super().__init__(
            f"The database went away; the file is in up to line {through}. Send it again: what is in stays as it is.",
            retry_after=5,
            imported_through=through,
            **report,
        )
