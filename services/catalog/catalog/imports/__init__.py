"""Imports: a file of products, read by a durable job."""
