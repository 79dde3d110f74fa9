"""What a partner needs to receive webhooks rightly; it stands on the standard library alone.

``python -m partner_kit URL`` checks a receiver, ``python -m partner_kit receive`` is one.
"""

from partner_kit.signing import Delivery, Refused, sign, verify

__all__ = ["Delivery", "Refused", "sign", "verify"]
