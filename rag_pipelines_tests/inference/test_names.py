import pytest

from rag_pipelines.errors import ConfigError
from rag_pipelines.inference.names import ModelName, parse_embedder_name, parse_generator_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extractive:", ModelName("extractive", "")),
        ("llamacpp:smollm2", ModelName("llamacpp", "smollm2")),
        ("llamacpp:/models/a@b:c.gguf", ModelName("llamacpp", "/models/a@b:c.gguf")),
        ("span:deepset/roberta-base-squad2", ModelName("span", "deepset/roberta-base-squad2")),
        ("ollama:llama3.2:3b", ModelName("ollama", "llama3.2:3b")),
        ("ollama:m@http://box:11434/", ModelName("ollama", "m", "http://box:11434")),
        (
            "openai:org/m@v1@http://127.0.0.1:8001/v1",
            ModelName("openai", "org/m@v1", "http://127.0.0.1:8001/v1"),
        ),
    ],
)
def test_a_generator_name_is_read_into_its_parts(text: str, expected: ModelName):
    assert parse_generator_name(text) == expected


@pytest.mark.parametrize("text", ["onnx:minilm", "huggingface:BAAI/bge-m3", "ollama:bge-m3"])
def test_a_name_is_written_as_it_was_read(text: str):
    assert str(parse_embedder_name(text)) == text


def test_a_server_is_part_of_the_written_name():
    text = "openai:m@https://models.example/v1"
    assert str(parse_embedder_name(text)) == text


@pytest.mark.parametrize("text", ["", "minilm", "gpt:x", "extractive:"])
def test_an_unknown_embedder_is_refused_with_the_allowed_ones(text: str):
    with pytest.raises(ConfigError, match="onnx:, huggingface:, ollama:, openai:"):
        parse_embedder_name(text)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("ollama:", "the model is missing"),
        ("ollama:@http://box:11434", "the model is missing"),
        ("extractive:best", "takes no model"),
        ("llamacpp:x@http://box:1", "runs in this process"),
        ("span:", "the model is missing"),
        ("openai:m@ftp://box/v1", "http:// or https://"),
        ("openai:m@http:///v1", "http:// or https://"),
        ("openai:m@http://user:secret@box/v1", "OPENAI_API_KEY"),
    ],
)
def test_a_malformed_name_is_refused_with_the_remedy(text: str, remedy: str):
    with pytest.raises(ConfigError, match=remedy):
        parse_generator_name(text)
