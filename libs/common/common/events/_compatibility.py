"""Whether a changed contract is still one that every reader of the old one can read, and the other way round.

Events are read by partners that we cannot ask, and old events by our own newer code: from the topic, from the log that
is replayed, from a dead letter, from a restored database. So a change has to hold in both directions, and what holds is
small: a field more, that may be absent.

What is compared is JSON Schema, as it is published; words, examples and known values may change at any time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from common.events._schemas import JsonObject

Schemas = Mapping[str, JsonObject]
"""Path below the schemas' folder, such as ``order.placed/1.0.json``, to the document."""

LOWER: Final = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
UPPER: Final = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
OTHER_LIMITS: Final = frozenset({"pattern", "format", "const", "multipleOf", "uniqueItems", "propertyNames"})
ABOUT_THE_FIELD: Final = frozenset({"x-pii"})
ANYTHING: Final = "anything"

READERS: Final = "Whoever reads it today stops to work on the first event without it."
OLD_EVENTS: Final = (
    "Events that were published before do not have it, and are still read: from the topic, from the log that partners "
    "replay, from dead letters."
)
NARROWED: Final = (
    "Events that were published before hold such values, and are still read; the new contract refuses them."
)
WIDENED: Final = "Whoever reads it today was told that no such value comes."


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing that a reader could not bear: which contract, where in the event, what, why, and the way out."""

    contract: str
    pointer: str
    what: str
    why: str
    way_out: str


@dataclass(frozen=True, slots=True)
class _Finding:
    """A breach, before it is said of which contract."""

    pointer: str
    what: str
    why: str
    way_out: str | None = None  # None: leave it, or a topic of its own


def breaches(base: Schemas, new: Schemas) -> list[Breach]:
    """What the change from ``base``, which was released, to ``new`` breaks; empty when it only adds."""
    found: list[Breach] = []
    for path in sorted(base):
        found += _of_released(path, base[path], new)
    newest = _newest(new)
    for event_type, path in _newest(base).items():
        present = newest.get(event_type)
        if present is not None and present != path:
            found += _named(present, base[path], _of_newer(path, base[path], present, new[present]))
    return found


def report(found: list[Breach]) -> Iterator[str]:
    """Lines for people: each contract's breaches, then its ways out, once."""
    for contract in dict.fromkeys(breach.contract for breach in found):
        own = [breach for breach in found if breach.contract == contract]
        yield contract
        for breach in own:
            yield f"  {breach.pointer or '/'}: {breach.what}"
            yield f"      {breach.why}"
        yield from (f"  => {way_out}" for way_out in dict.fromkeys(breach.way_out for breach in own))


def _of_newer(path: str, released: JsonObject, newer: str, present: JsonObject) -> list[_Finding]:
    if version_of(newer)[0] == version_of(path)[0]:
        return compare(released, present)
    return [
        _Finding(
            "",
            f"a new major in the place of {path}.",
            "A type has one contract: nobody publishes the old major any more, and its readers hear nothing.",
        )
    ]


def _of_released(path: str, released: JsonObject, new: Schemas) -> list[Breach]:
    """A released schema stays where it is, as it is: events carry its address."""
    present = new.get(path)
    if present is None:
        gone = path.partition("/")[0] not in {each.partition("/")[0] for each in new}
        finding = _Finding(
            "",
            "the type is gone." if gone else "the schema is gone from its address.",
            "Whoever waits for the type waits for ever." if gone else "Events that carry the address are still read.",
            "Keep publishing it." if gone else f"Put {path} back beside the newer version.",
        )
        return _named(path, released, [finding])
    findings = compare(released, present)
    if not findings and _structure(released, released) != _structure(present, present):
        findings = [
            _Finding(
                "",
                "the contract says more than when this version was released.",
                "A reader that has this version's schema from before would never learn of it.",
                f"An addition raises the minor: make the contract's version {_next_minor(path)}, put {path} back.",
            )
        ]
    return _named(path, released, findings)


def _named(path: str, schema: JsonObject, findings: list[_Finding]) -> list[Breach]:
    contract = path.removesuffix(".json").replace("/", " ")
    topic = str(schema.get("x-topic", ""))
    way_out = (
        f"Leave it as it was, or publish something new on a topic of its own, beside {topic}, until nobody reads that: "
        "docs/how-to/evolve-a-contract.md."
    )
    return [Breach(contract, each.pointer, each.what, each.why, each.way_out or way_out) for each in findings]


def _newest(schemas: Schemas) -> dict[str, str]:
    """The path of each type's newest version."""
    return {path.partition("/")[0]: path for path in sorted(schemas, key=version_of)}


def version_of(path: str) -> tuple[int, int]:
    """Major and minor of a schema's path."""
    major, _, minor = path.rpartition("/")[2].removesuffix(".json").partition(".")
    return int(major), int(minor)


def _next_minor(path: str) -> str:
    major, minor = version_of(path)
    return f"{major}.{minor + 1}"


# -- two schemas -------------------------------------------------------------------------------------------------------


def compare(base: JsonObject, new: JsonObject) -> list[_Finding]:
    """What differs between two documents in a way that a reader of either could not bear."""
    found: list[_Finding] = []
    if base.get("x-topic") != new.get("x-topic"):
        found.append(
            _Finding(
                "",
                f"it moved from {base.get('x-topic')} to {new.get('x-topic')}.",
                "Whoever reads the old topic hears no more of it, and order with the aggregate's other events is lost.",
            )
        )
    return [*found, *_Comparison(base, new).of(base, new, "")]


class _Comparison:
    """Walks two documents side by side; a part that was compared once is not compared again."""

    def __init__(self, base: JsonObject, new: JsonObject) -> None:
        self._base, self._new = base, new
        self._seen: set[tuple[int, int]] = set()

    def of(self, base: JsonObject, new: JsonObject, pointer: str) -> Iterator[_Finding]:
        yield from _about_field(base, new, pointer)
        old_kinds, new_kinds = _kinds(base, self._base), _kinds(new, self._new)
        for kind in sorted(old_kinds.keys() - new_kinds.keys()):
            yield _Finding(pointer, f"it can no longer be {kind}, only {_or(new_kinds)}: a narrower type.", NARROWED)
        for kind in sorted(new_kinds.keys() - old_kinds.keys()):
            yield _Finding(pointer, f"it can now be {kind} beside {_or(old_kinds)}: a wider type.", WIDENED)
        for kind in sorted(old_kinds.keys() & new_kinds.keys()):
            yield from self._same_kind(old_kinds[kind], new_kinds[kind], pointer)

    def _same_kind(self, base: JsonObject, new: JsonObject, pointer: str) -> Iterator[_Finding]:
        if (id(base), id(new)) in self._seen:
            return
        self._seen.add((id(base), id(new)))
        yield from _limits(base, new, pointer)
        yield from self._fields(base, new, pointer)
        for word, step in (("items", "*"), ("additionalProperties", "*")):
            inside, beside = base.get(word), new.get(word)
            if isinstance(inside, dict) or isinstance(beside, dict):
                yield from self.of(_schema(inside), _schema(beside), f"{pointer}/{step}")

    def _fields(self, base: JsonObject, new: JsonObject, pointer: str) -> Iterator[_Finding]:
        old_fields, new_fields = _fields(base), _fields(new)
        old_required, new_required = _required(base), _required(new)
        for name in old_fields:
            at = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in new_fields:
                yield _Finding(at, "the field is gone.", READERS)
                continue
            if name in old_required - new_required:
                yield _Finding(at, "the field may be absent now, and was always there.", READERS)
            if name in new_required - old_required:
                yield _Finding(at, "the field is required now, and was not.", OLD_EVENTS, _default_for(name))
            yield from self.of(old_fields[name], new_fields[name], at)
        for name in new_fields:
            if name in new_required and name not in old_fields:
                at = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
                yield _Finding(at, "a new field, and required.", OLD_EVENTS, _default_for(name))


def _default_for(name: str) -> str:
    return f"Give {name} a default, such as None, which stands for an event of before."


def _about_field(base: JsonObject, new: JsonObject, pointer: str) -> Iterator[_Finding]:
    if new.get("x-pii") and not base.get("x-pii"):
        yield _Finding(
            pointer,
            "it is marked personal now, and was not.",
            "Subscribers without the scope events:pii stop to get it.",
        )


def _limits(base: JsonObject, new: JsonObject, pointer: str) -> Iterator[_Finding]:
    for word in sorted(LOWER | UPPER | OTHER_LIMITS):
        before, after = base.get(word), new.get(word)
        if before != after:
            narrower = _is_narrower(word, before, after)
            why = NARROWED if narrower else WIDENED
            yield _Finding(pointer, f"{word} was {_shown(before)} and is {_shown(after)}: {_way(narrower)}.", why)
    before_values, after_values = _values(base), _values(new)
    if before_values != after_values:
        narrower = after_values is not None and (before_values is None or not before_values <= after_values)
        yield _Finding(
            pointer, f"the closed list of its values changed: {_way(narrower)}.", NARROWED if narrower else WIDENED
        )


def _is_narrower(word: str, before: object, after: object) -> bool:
    if after is None or before is None:
        return before is None
    if word in LOWER | UPPER:
        less = cast("float", after) < cast("float", before)
        return less if word in UPPER else not less
    return True


def _way(narrower: bool) -> str:  # noqa: FBT001 - which of two words
    return "a narrower type" if narrower else "a wider type"


def _shown(value: object) -> str:
    return "not there" if value is None else repr(value)


def _values(schema: JsonObject) -> frozenset[str] | None:
    listed = schema.get("enum")
    return frozenset(map(repr, listed)) if isinstance(listed, list) else None


def _kinds(schema: JsonObject, root: JsonObject) -> dict[str, JsonObject]:
    """The alternatives of a schema by what a reader calls them: string, null, object Money."""
    found: dict[str, JsonObject] = {}
    for each in _alternatives(schema, root):
        kind = each.get("type")
        for name in kind if isinstance(kind, list) else [kind]:
            title = str(each.get("title", ""))
            word = str(name) if isinstance(name, str) else ANYTHING
            found[f"{word} {title}" if f"{word}" in found and title else word] = each
    return found


def _alternatives(schema: JsonObject, root: JsonObject) -> Iterator[JsonObject]:
    for word in ("anyOf", "oneOf"):
        choices = schema.get(word)
        if isinstance(choices, list):
            for choice in choices:
                yield from _alternatives(_schema(choice), root)
            return
    reference = schema.get("$ref")
    if isinstance(reference, str):
        definitions = cast("dict[str, JsonObject]", root["$defs"])
        yield from _alternatives(definitions[reference.rpartition("/")[2]], root)
        return
    yield schema


def _or(kinds: Mapping[str, JsonObject]) -> str:
    return " or ".join(sorted(kinds)) or "nothing"


def _fields(schema: JsonObject) -> dict[str, JsonObject]:
    return cast("dict[str, JsonObject]", schema.get("properties", {}))


def _required(schema: JsonObject) -> set[str]:
    return set(cast("list[str]", schema.get("required", [])))


def _schema(node: object) -> JsonObject:
    return cast("JsonObject", node) if isinstance(node, dict) else {}


def _structure(schema: JsonObject, root: JsonObject, depth: int = 0) -> object:
    """What a schema says without its words: its fields at whatever depth, to see whether anything was added."""
    if depth > 20:  # noqa: PLR2004 - deeper than any event; a part that holds itself ends here
        return None
    return {
        kind: (
            {name: _structure(field, root, depth + 1) for name, field in _fields(each).items()},
            sorted(_required(each)),
            [
                _structure(_schema(each.get(word)), root, depth + 1)
                for word in ("items", "additionalProperties")
                if word in each
            ],
        )
        for kind, each in _kinds(schema, root).items()
    }
