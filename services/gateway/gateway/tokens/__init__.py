"""Tokens: what users sign in with, and what services are told about them."""
