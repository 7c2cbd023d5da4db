"""Bytes and tables at rest, and the one guarded way out to content."""
