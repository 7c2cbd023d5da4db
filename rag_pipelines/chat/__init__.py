"""The chat service: a question in, an answer with citations out."""
