"""Whom the shop may write to: staff and customers, as gateway and orders last described them."""
