"""A GGUF file as a folder of safetensors, computed in fp32.

Its weights are expanded once and stay as coarse as they were, which `config.json` then says.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from rag_pipelines.errors import ArtifactError


def dequantized(path: Path, room: Path) -> None:
    """Write model, tokenizer and card of a GGUF file into a folder.

    Raises `ArtifactError` where its architecture is not one that transformers knows.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True}
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(path.parent, **source)
        model: Any = AutoModelForCausalLM.from_pretrained(
            path.parent,
            **source,
            quantization_config=GgufConfig(gguf_file=path.name, dequantize=True),
            dtype=torch.float32,
        )
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise ArtifactError(f"{path.name} cannot be read: {str(error)[:300]}") from error
    model.save_pretrained(room)
    tokenizer.save_pretrained(room)
    kind = _most_of(path)
    config = json.loads((room / "config.json").read_text())
    config.pop("_name_or_path", None)
    (room / "config.json").write_text(json.dumps(config | {"dequantized_from": kind}, indent=2))
    (room / "README.md").write_text(_card(path, kind))


def _most_of(path: Path) -> str:
    """How most weights of the file are stored, such as `Q4_1`."""
    return _sizes(path).most_common(1)[0][0]


def _sizes(path: Path) -> Counter[str]:
    from gguf import GGUFReader

    sizes = Counter[str]()
    for tensor in GGUFReader(path).tensors:
        sizes[tensor.tensor_type.name] += int(tensor.n_elements)
    return sizes


def _card(path: Path, kind: str) -> str:
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    name, licence = (
        fields[key].contents() if key in fields else ""
        for key in ("general.name", "general.license")
    )
    return (
        f"---\nlicense: {licence}\n---\n# {name or path.stem}\n\nExpanded to fp32 from "
        f"{path.name}, whose weights are {kind}: nothing here is finer than that file.\n"
    )
