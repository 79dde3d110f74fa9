"""The path from a cart to an order: a saga of two transactions that whoever finds it can finish or undo."""
