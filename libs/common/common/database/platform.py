"""What a service's revision calls to bring the platform's tables along: ``platform.upgrade_to(op.get_bind(), 2)``."""

from common.database._platform import STEPS, upgrade_to

__all__ = ["STEPS", "upgrade_to"]
