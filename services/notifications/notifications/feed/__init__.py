"""The log of all events, which feed, stream and webhooks read."""
