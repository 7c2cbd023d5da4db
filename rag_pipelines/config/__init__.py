"""How configuration is read, and how a mistake in it is told. Settings and sources build on it."""
