"""Websites and documents become answers a person can trust, on your own machine."""
