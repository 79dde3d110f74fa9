"""The one list: consumer group -> handlers."""

from common.events import CONTRACTS, GATEWAY_USER, ORDERS_CUSTOMER
from common.events.contracts.gateway import UserRegistered
from common.events.contracts.inventory import StockLow, StockOut
from common.events.contracts.notifications import WebhookDisabled
from common.events.contracts.orders import (
    CustomerRegistered,
    CustomerUpdated,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
)
from common.inbox import Consumer
from notifications.contacts.handlers import forget_contact, keep_customer, keep_user
from notifications.feed.handlers import log_events
from notifications.mails.handlers import announce_parcel, confirm_cancellation, confirm_order, warn_staff
from notifications.webhooks.handlers import tell_owner

CONSUMERS = (
    Consumer(
        group="notifications.contacts",
        handlers={UserRegistered: keep_user, CustomerRegistered: keep_customer, CustomerUpdated: keep_customer},
        tombstones={GATEWAY_USER: forget_contact, ORDERS_CUSTOMER: forget_contact},
        projection=True,
    ),
    Consumer(
        group="notifications.mail",
        handlers={
            OrderPlaced: confirm_order,
            OrderShipped: announce_parcel,
            OrderCancelled: confirm_cancellation,
            StockLow: warn_staff,
            StockOut: warn_staff,
            WebhookDisabled: tell_owner,
        },
    ),
    Consumer(
        group="notifications.feed",
        handlers=dict.fromkeys(CONTRACTS, log_events),
        set_based=True,
        log=True,
    ),
)
