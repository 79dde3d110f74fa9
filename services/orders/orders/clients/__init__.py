"""Calls to other services, each behind a Protocol that orders owns."""
