"""Constraints and indexes carry the project's names, so that a migration can say what it changes."""

import asyncpg
import pytest

from common.testing import Platform

SERVICES = ("catalog", "inventory", "orders", "metrics", "notifications", "gateway")
PREFIXES = {"p": "pk_", "u": "uq_", "c": "ck_", "f": "fk_", "x": "ex_", "i": ("ix_", "uq_")}

NAMES = """
SELECT contype::text AS kind, conname AS name, conrelid::regclass::text AS owner FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'c', 'f', 'x')
UNION ALL
SELECT 'i', c.relname, i.indrelid::regclass::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
"""
OTHERS = ("pgqueuer", "alembic_version")  # tables of the libraries, with the names they gave


@pytest.mark.parametrize("service", SERVICES)
async def test_every_constraint_and_index_has_the_projects_name(platform: Platform, service: str) -> None:
    connection = await asyncpg.connect(await platform.new_database(f"{service}.migrations"))
    try:
        rows = await connection.fetch(NAMES)
    finally:
        await connection.close()
    wrong = [
        f"{row['owner']}: {row['name']}"
        for row in rows
        if not row["owner"].startswith(OTHERS) and not row["name"].startswith(PREFIXES[row["kind"]])
    ]
    assert rows
    assert wrong == []
