"""Benchmarks: this project against the script that a newcomer writes, on one local site."""
