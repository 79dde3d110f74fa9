"""Holds on stock for checkouts under way."""
