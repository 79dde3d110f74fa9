"""The hop to the services: an ASGI app that runs before FastAPI sees a request."""
