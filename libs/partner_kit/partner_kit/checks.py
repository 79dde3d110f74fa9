"""What a receiver must bear, each as one check with what to mend where it does not.

A check sends what the shop may send, or what only a forger would, and returns what it did not like; nothing when all is
well. Names are for people, and stay the same.
"""

import http
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

from partner_kit.events import SampleEvent
from partner_kit.sending import Answer, Sender
from partner_kit.shop import Shop

HOUR = 3600
TOGETHER = 10
COUNT_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a receiver must do. ``mend`` says what to do where it does not."""

    name: str
    mend: str
    run: Callable[[Shop], Iterator[str]]


def accepted(answer: Answer, what: str) -> Iterator[str]:
    """Complain unless it was taken: 2xx, in time."""
    if answer.status is None or not http.HTTPStatus.OK <= answer.status < http.HTTPStatus.MULTIPLE_CHOICES:
        yield f"{what}: it {answer}"


def refused(answer: Answer, what: str) -> Iterator[str]:
    """Complain unless it was refused as it should be."""
    status = answer.status
    if status == http.HTTPStatus.GONE:
        yield f"{what}: it answered 410, by which the shop disables the endpoint"
    elif status is None or not http.HTTPStatus.BAD_REQUEST <= status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
        yield f"{what}: it {answer}"


# -- what is right -----------------------------------------------------------------------------------------------------


def accepts_an_event(shop: Shop) -> Iterator[str]:
    yield from accepted(shop.deliver(SampleEvent()), "a signed event")


def verifies_raw_bytes(shop: Shop) -> Iterator[str]:
    event = SampleEvent()
    body = b'{ "id" : "%s",\n  "type":"order.placed", "data" : {"price": 1.10, "name": "Stra\\u00dfe \xe2\x82\xac"} }\n'
    yield from accepted(shop.send(shop.attempt(event, body=body % event.id.encode())), "JSON written in an unusual way")


def bears_any_case(shop: Shop) -> Iterator[str]:
    yield from accepted(shop.send(shop.attempt(SampleEvent()), names=str.title), "headers such as Webhook-Id")
    yield from accepted(shop.send(shop.attempt(SampleEvent()), names=str.upper), "headers such as WEBHOOK-ID")


def accepts_two_signatures(shop: Shop) -> Iterator[str]:
    for what, order in (("the right signature last", 1), ("the right signature first", -1)):
        attempt = shop.attempt(SampleEvent())
        both = (shop.signed_by_another(attempt), attempt.signature)[::order]
        yield from accepted(shop.send(replace(attempt, signature=" ".join(both))), what)
    attempt = shop.attempt(SampleEvent())
    newer = replace(attempt, signature=f"v9,c29tZXRoaW5nIG5ld2Vy {attempt.signature}")
    yield from accepted(shop.send(newer), "a signature of a version to come beside the right one")


# -- what is not -------------------------------------------------------------------------------------------------------


def refuses_a_forged_signature(shop: Shop) -> Iterator[str]:
    yield from refused(shop.send_forged(shop.attempt(SampleEvent())), "signed with another secret")


def refuses_a_changed_body(shop: Shop) -> Iterator[str]:
    attempt = shop.attempt(SampleEvent())
    changed = attempt.body.replace(b'"amount":3488', b'"amount":1')
    yield from refused(shop.send(replace(attempt, body=changed)), "a total that was changed on the way")
    other = replace(shop.attempt(SampleEvent()), message_id=str(uuid4()))
    yield from refused(shop.send(other), "another webhook-id than the one that was signed")


def refuses_an_old_attempt(shop: Shop) -> Iterator[str]:
    yield from refused(shop.send(shop.attempt(SampleEvent(), aged_seconds=HOUR)), "rightly signed an hour ago")
    moved = replace(shop.attempt(SampleEvent(), aged_seconds=HOUR), timestamp=shop.attempt(SampleEvent()).timestamp)
    yield from refused(shop.send(moved), "signed an hour ago and dated now")


def refuses_an_attempt_to_come(shop: Shop) -> Iterator[str]:
    yield from refused(shop.send(shop.attempt(SampleEvent(), aged_seconds=-HOUR)), "rightly signed in an hour")


def refuses_missing_headers(shop: Shop) -> Iterator[str]:
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        yield from refused(shop.send(shop.attempt(SampleEvent()), without=name), f"without {name}")


def refuses_rubbish(shop: Shop) -> Iterator[str]:
    attempt = shop.attempt(SampleEvent())
    for rubbish in ("v1,", "v1,not base64!", "nothing", "v1 " + attempt.signature.removeprefix("v1,")):
        yield from refused(shop.send(replace(attempt, signature=rubbish)), f"webhook-signature: {rubbish[:12]}")
    empty = replace(attempt, body=b"", signature=shop.signed_by_another(attempt))
    yield from refused(shop.send(empty), "an empty body that nobody has signed")


# -- again, late, unknown ----------------------------------------------------------------------------------------------


def accepts_a_repeat(shop: Shop) -> Iterator[str]:
    event = SampleEvent()
    for what in ("the first time", "the second time", "the third time"):
        yield from accepted(shop.deliver(event), f"the same event {what}")


def accepts_a_retry_after_a_hang_up(shop: Shop) -> Iterator[str]:
    event = SampleEvent()
    shop.deliver_and_leave(event)
    yield from accepted(shop.deliver(event), "an event again, after the shop had hung up on it")


def bears_any_order(shop: Shop) -> Iterator[str]:
    first = SampleEvent()
    for sequence in (3, 1, 2):
        event = SampleEvent(subject=first.subject, sequence=sequence)
        yield from accepted(shop.deliver(event), f"event {sequence} of an order, in the order 3, 1, 2")


def bears_what_is_unknown(shop: Shop) -> Iterator[str]:
    yield from accepted(shop.deliver(SampleEvent(type="parcel.weighed", data={"object": {}})), "a type that is new")
    yield from accepted(shop.deliver(SampleEvent(more={"region": "eu"})), "a field that is new in the envelope")
    known = SampleEvent()
    data = known.document()["data"]
    data["object"] |= {"status": "paused", "gift_wrap": {"colour": "red"}}
    yield from accepted(shop.deliver(replace(known, data=data)), "a field and a value that are new in the data")


def takes_large_events(size: int) -> Callable[[Shop], Iterator[str]]:
    """Check with an event of ``size`` bytes."""

    def run(shop: Shop) -> Iterator[str]:
        event = SampleEvent(type="product.updated")
        data = {"object": {"id": event.subject, "description": ""}, "changed": ["/description"]}
        data["object"]["description"] = "x" * max(0, size - len(replace(event, data=data).body()))  # type: ignore[index] # a dict
        yield from accepted(shop.deliver(replace(event, data=data)), f"an event of {size:,} bytes")

    return run


def takes_several_at_once(shop: Shop) -> Iterator[str]:
    for answer in shop.deliver_all([SampleEvent() for _ in range(TOGETHER)]):
        yield from accepted(answer, f"one of {TOGETHER} events at once")


def answers_in_time(shop: Shop) -> Iterator[str]:
    slowest = max((answer.seconds for answer in shop.answers), default=0.0)
    late = [answer for answer in shop.answers if answer.seconds >= shop.within]
    if late:
        yield f"{len(late)} of {len(shop.answers)} answers took {shop.within:g} s or more, the slowest {slowest:.1f} s"


def acts_once(effects: Sender) -> Callable[[Shop], Iterator[str]]:
    """Check by a number that the partner's own system gives: how many events have had an effect."""

    def run(shop: Shop) -> Iterator[str]:
        before = _count(effects)
        event = SampleEvent()
        for _ in range(3):
            shop.deliver(event)
        after = _count(effects)
        if before is None or after is None:
            yield "its address for effects gave no number"
        elif after != before + 1:
            yield f"one event, sent three times, had {after - before} effects"

    return run


def _count(effects: Sender) -> int | None:
    text = effects.get().body.strip()
    return int(text) if text.isdigit() and len(text) <= COUNT_DIGITS else None


FIRST = Check(
    "accepts a signed event",
    "Answer 2xx to what verifies: right secret? the raw body, byte for byte? a route for POST, without a redirect? "
    "Nothing else is tried before this works.",
    accepts_an_event,
)


def all_checks(*, largest_bytes: int, effects: Sender | None) -> list[Check]:
    """Every check, in the order in which they are run; the first is what all others stand on."""
    checks = [
        FIRST,
        Check(
            "verifies the bytes as they came",
            "Verify before anything parses the body: JSON that is read and written again has other bytes.",
            verifies_raw_bytes,
        ),
        Check("bears headers in any case", "Header names have no case: look them up so.", bears_any_case),
        Check(
            "accepts one of several signatures",
            "webhook-signature is a list, separated by spaces. Accept when any of it fits: while a secret is replaced, "
            "the shop signs with both.",
            accepts_two_signatures,
        ),
        Check(
            "refuses a forged signature",
            "Answer 401 when no signature fits. As it is, anybody can send you orders.",
            refuses_a_forged_signature,
        ),
        Check(
            "refuses what was changed on the way",
            "Sign over webhook-id, webhook-timestamp and the body, joined by dots, and compare with what came.",
            refuses_a_changed_body,
        ),
        Check(
            "refuses an old attempt",
            "Refuse a webhook-timestamp more than 5 minutes back: whoever overheard a request could send it again.",
            refuses_an_old_attempt,
        ),
        Check(
            "refuses an attempt from the future",
            "Refuse a webhook-timestamp more than 5 minutes ahead: it could be sent again for as long.",
            refuses_an_attempt_to_come,
        ),
        Check(
            "refuses missing headers",
            "Answer 400 or 401 when webhook-id, webhook-timestamp or webhook-signature is missing.",
            refuses_missing_headers,
        ),
        Check(
            "refuses rubbish without breaking",
            "Answer 400 or 401 to a signature or a body that cannot be read; 5xx makes the shop try again for a day.",
            refuses_rubbish,
        ),
        Check(
            "accepts an event that comes again",
            "Answer 2xx to a webhook-id that you have had, and do nothing: your first answer may never have arrived.",
            accepts_a_repeat,
        ),
        Check(
            "accepts a retry after a hang-up",
            "Keep the event before you answer, and bear that nobody waits for the answer. It comes again; take it.",
            accepts_a_retry_after_a_hang_up,
        ),
        Check(
            "bears events out of order",
            "Answer 2xx to all. An event holds the whole object: of one subject, keep what has the highest sequence.",
            bears_any_order,
        ),
        Check(
            "bears what it does not know",
            "Answer 2xx to types, fields and values that are new to you, and pass over them: more come at any time.",
            bears_what_is_unknown,
        ),
        Check(
            "takes large events",
            f"Raise the limit of your server to {largest_bytes:,} bytes. A product with all its variants may be 4 MiB; "
            "if you do not subscribe to product.*, check with --largest 256000.",
            takes_large_events(largest_bytes),
        ),
        Check(
            "takes several at once",
            "Bear requests beside each other, and keep each event in a transaction of its own.",
            takes_several_at_once,
        ),
    ]
    if effects is not None:
        checks.append(
            Check(
                "acts once on an event that comes again",
                "Keep webhook-id under a unique constraint, in the transaction in which you act.",
                acts_once(effects),
            )
        )
    checks.append(
        Check(
            "answers in time",
            "Keep the event, answer 2xx, and do the work afterwards: what is late counts as failed and comes again.",
            answers_in_time,
        )
    )
    return checks
