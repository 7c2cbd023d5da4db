"""The model factory: variants of local models, each measured the same way.

Makes, measures and compares. Does not serve: models at work are in `inference`.
"""
