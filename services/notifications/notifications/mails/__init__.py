"""Mails: what an event makes someone be told, sent by SMTP at least once."""
