"""The shipped embedder: all-MiniLM-L6-v2, computed in int8 by ONNX Runtime."""
