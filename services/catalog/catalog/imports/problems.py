"""What can go wrong with imports before they run."""

from common.problems import BadRequest, NotFound


class ImportNotFound(NotFound):
    """There is no such import."""

    slug, title = "import-not-found", "No such import"

    def __init__(self, import_id: object) -> None:
        super().__init__(f"There is no import {import_id} here.")


class UploadBroken(BadRequest):
    """The upload ended early, stalled, or is no multipart form. Send it again; nothing was kept."""

    slug, title = "upload-broken", "The upload cannot be read"
