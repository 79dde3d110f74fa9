"""Mends words that nothing is found under: a wrong, missing or additional letter, two exchanged, a missing space.

Candidates are the words that become the same by dropping one letter on either side, which one B-tree finds; then the
distance decides, and among equals the word that more products have.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common.database import UnitOfWork

# $1 words, of which only the last may be a beginning. A row for each candidate of a word that finds nothing.
CANDIDATES = """
WITH asked AS MATERIALIZED (
    SELECT w.word, w.place::int AS place FROM unnest($1::text[]) WITH ORDINALITY AS w(word, place)
    WHERE NOT EXISTS (
        SELECT FROM search_document AS d
        WHERE d.document @@ search_query(ARRAY[w.word], w.place = cardinality($1)) AND 'web' = ANY (d.channels)
    ) AND (w.place = cardinality($1) OR numnode(plainto_tsquery('pg_catalog.english', w.word)) > 0)
), near AS (
    SELECT DISTINCT a.place, x.word FROM asked AS a
    CROSS JOIN LATERAL search_deletions(a.word) AS s(deletion)
    JOIN search_deletion AS x ON x.deletion = s.deletion
    WHERE length(a.word) >= 4 AND a.word !~ '[0-9]'
), apart AS (
    SELECT a.place, ARRAY[substr(a.word, 1, i), substr(a.word, i + 1)] AS words
    FROM asked AS a CROSS JOIN LATERAL generate_series(2, length(a.word) - 2) AS i
    WHERE EXISTS (SELECT FROM search_word AS w WHERE w.word = substr(a.word, 1, i))
        AND EXISTS (SELECT FROM search_word AS w WHERE w.word = substr(a.word, i + 1))
), candidate AS (
    SELECT place, ARRAY[word] AS words FROM near UNION ALL SELECT place, words FROM apart
)
SELECT a.place, c.words, (
    SELECT count(*) FROM (
        SELECT FROM search_document AS d
        WHERE d.document @@ search_query(c.words, false) AND 'web' = ANY (d.channels) LIMIT 200
    ) AS found
) AS products
FROM asked AS a LEFT JOIN candidate AS c USING (place) ORDER BY a.place LIMIT 500
"""

LONG_WORD = 6  # letters; from here on, two of them may be wrong


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a word may have been meant to be; two words where a space was left out."""

    words: tuple[str, ...]
    products: int


async def mend(uow: UnitOfWork, words: Sequence[str]) -> list[str] | None:
    """Replace the words that find nothing; None if none is to blame, or one has nothing near it."""
    rows = await uow.single(CANDIDATES, list(words))
    candidates: dict[int, list[Candidate]] = {}
    for row in rows:
        found = candidates.setdefault(row["place"], [])
        if row["words"] is not None:
            found.append(Candidate(tuple(row["words"]), row["products"]))
    if not candidates:
        return None
    mended: list[str] = []
    for place, word in enumerate(words, start=1):
        best = nearest(word, candidates[place]) if place in candidates else (word,)
        if best is None:
            return None
        mended += best
    return mended


def nearest(word: str, candidates: Sequence[Candidate]) -> tuple[str, ...] | None:
    """Choose what ``word`` was most likely meant to be; None if nothing is near enough."""
    allowed = 2 if len(word) >= LONG_WORD else 1
    ranked = [
        (mistakes, -each.products, each.words)
        for each in candidates
        if each.products and (mistakes := _mistakes(word, each.words)) <= allowed
    ]
    return min(ranked)[2] if ranked else None


def _mistakes(word: str, words: tuple[str, ...]) -> int:
    return 1 if len(words) > 1 else distance(word, words[0])


def distance(one: str, other: str) -> int:
    """Count the least mistakes between two words; two neighbours exchanged are one.

    Source: optimal string alignment, as Damerau 1964 with no letter edited twice.
    """
    before, previous = list[int](), list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        current = [row, *_costs(row, letter, one, other, previous, before)]
        before, previous = previous, current
    return previous[-1]


def _costs(
    row: int, letter: str, one: str, other: str, previous: Sequence[int], before: Sequence[int]
) -> Iterator[int]:
    left = row
    for column, each in enumerate(other, start=1):
        cost = min(previous[column] + 1, left + 1, previous[column - 1] + (letter != each))
        if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == each:
            cost = min(cost, before[column - 2] + 1)
        yield cost
        left = cost
