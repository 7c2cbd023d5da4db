"""Wiring only: assets, checks, jobs, schedules and sensors, one folder a domain."""
