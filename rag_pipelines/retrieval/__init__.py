"""The index and its releases: built, verified, published, searched, and held to what they say."""
