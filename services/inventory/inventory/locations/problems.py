"""What can be wrong with a location."""

from uuid import UUID

from common.problems import Conflict, NotFound


class LocationNotFound(NotFound):
    """There is no location of this id."""

    slug, title = "location-not-found", "No such location"

    def __init__(self, location_id: UUID) -> None:
        super().__init__(f"There is no location {location_id}; list them with GET /v1/locations.")


class LocationCodeTaken(Conflict):
    """Another location has this code. Codes are unique; choose another one."""

    slug, title = "location-code-taken", "The code belongs to another location"

    def __init__(self, code: str) -> None:
        super().__init__(f"Another location has the code {code}; choose another one.", code=code)
