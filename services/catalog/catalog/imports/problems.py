"""What can go wrong with imports before they run."""

from common.problems import BadRequest, Conflict, NotFound, Problem


class ImportNotFound(NotFound):
    """There is no such import."""

    slug, title = "import-not-found", "No such import"

    def __init__(self, import_id: object) -> None:
        super().__init__(f"There is no import {import_id} here.")


class UploadBroken(BadRequest):
    """The upload ended early, stalled, or is no multipart form. Send it again; nothing was kept."""

    slug, title = "upload-broken", "The upload cannot be read"


class ImportNotRead(Conflict):
    """The import is still running, or failed as a whole: there is no list of single rows to be mended."""

    slug, title = "import-not-read", "The import was not read to its end"


class RejectedRowsForgotten(Problem):
    """Refused rows are kept for 30 days after their import ended. Send the file again to have them told anew."""

    status, slug, title = 410, "rejected-rows-forgotten", "The rejected rows are no longer kept"
