"""Revisions of the orders database, run by ``common.database.migrate``."""
