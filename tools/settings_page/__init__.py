"""Writes docs/settings.md from the services' Settings classes.

python -m tools.settings_page            writes the page
python -m tools.settings_page --check    writes nothing; fails when the page is not current
"""

from tools.settings_page.page import Setting, render, settings_of

__all__ = ["Setting", "render", "settings_of"]
