"""Models at work, by name: embedders and generators behind small protocols."""
