"""Buyers with a login, and their addresses. A guest is an order with an e-mail address and no customer."""
