"""The one list of durable jobs and of sweeps."""

from datetime import timedelta

from common.scheduling import Sweep
from orders.carts.sweeps import announce_quiet_carts, expire_carts
from orders.checkout.finishing import finish_checkouts, free_keys
from orders.fulfilment.jobs import CAPTURE_PARCEL
from orders.payments.jobs import VOID_PAYMENT

JOBS = (CAPTURE_PARCEL, VOID_PAYMENT)

SWEEPS = (
    Sweep("finish-checkouts", timedelta(seconds=1), finish_checkouts),
    Sweep("announce-quiet-carts", timedelta(seconds=5), announce_quiet_carts),
    Sweep("expire-carts", timedelta(minutes=1), expire_carts),
    Sweep("free-keys", timedelta(minutes=1), free_keys),
)
