"""Revisions of the metrics database."""
