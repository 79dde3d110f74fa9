"""The port to whoever moves the money, and a provider for tests and demos behind it."""
