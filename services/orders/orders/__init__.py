"""Customers, carts, checkout, payments, orders and their fulfilment."""
