"""``python -m quartermaster_demo [--gateway URL]``: plays an order from import to figures."""

from quartermaster_demo.play import main

if __name__ == "__main__":
    raise SystemExit(main())
