"""What inventory does by itself, and how often it looks."""

from datetime import timedelta

from common.scheduling import Sweep
from inventory.reservations.sweeps import ask_about_confirmed_holds, expire_reservations

SWEEPS = (
    Sweep("expire-reservations", every=timedelta(seconds=1), run=expire_reservations),
    Sweep("ask-about-confirmed-holds", every=timedelta(minutes=1), run=ask_about_confirmed_holds),
)
