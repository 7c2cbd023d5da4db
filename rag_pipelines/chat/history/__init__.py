"""Conversations and feedback, kept: one protocol, two stores."""
