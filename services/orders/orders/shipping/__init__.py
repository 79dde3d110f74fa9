"""Shipping rates by country and weight."""
