"""Models that learn: what they learn from, and how. Nothing here measures or promotes.

Every trainer is a function of a parent's folder, a dataset's folder and its settings; what it
leaves is a model's folder. Modules that import torch are the worker's alone.
"""
