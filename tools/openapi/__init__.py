"""Generator of the OpenAPI documents; see ``generate.py``."""
