"""Dagster-aware code that several domains share."""
