"""The mail server, behind a port of our own."""
