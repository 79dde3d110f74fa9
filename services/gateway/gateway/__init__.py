"""The suite's front door: one HTTP API, users and their tokens, what runs and how it is."""
