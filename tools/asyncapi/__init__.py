"""Has AsyncAPI's own parser read the events' document: ``check.mjs``, and what it takes to run it."""
