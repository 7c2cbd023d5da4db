"""Models of transformers' auto classes, one module a task, loaded by `models.load`."""
