"""Parcels: what leaves, how far it got, and what is captured for it."""
