"""What services import comes from ``common.events``, and nothing public is forgotten there."""

from types import ModuleType

from common import events


def test_every_public_name_is_exported() -> None:
    public = {
        name for name, value in vars(events).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert public == set(events.__all__)
