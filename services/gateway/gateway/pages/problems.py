"""What can go wrong with pages."""

from common.problems import NotFound


class ContractNotFound(NotFound):
    """No event type of this name has a schema of this version. `/asyncapi.json` lists every type with its own."""

    slug, title = "contract-not-found", "No such event contract"

    def __init__(self, event_type: str, version: str) -> None:
        super().__init__(
            f"There is no schema {version[:20]} of {event_type[:100]}; /asyncapi.json lists what there is."
        )
