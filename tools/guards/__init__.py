"""Proof that the tests guard what they say: take a guard out of the code, and its test must fail.

    python -m tools.guards [NAME…]      # default: every patch in tests/guards

A patch removes one guard. Its first lines name the tests that must then fail, and may say why:

    # fails: services/inventory/tests/reservations/test_holding.py::test_ten_units_are_sold_ten_times
    # Without the guarded UPDATE two shoppers get the same unit.
"""
