"""The notifications service: whom the shop writes to, and the mails it writes."""
