"""YAML that is broken, hostile or merely odd: a value, or one line that says what is wrong."""

from pathlib import Path

import pytest

from rag_pipelines.config.yaml_lines import MAX_BYTES, Document, read_yaml
from rag_pipelines.errors import ConfigError


def read(tmp_path: Path, text: str | bytes) -> Document:
    file = tmp_path / "file.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_yaml(file)


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for n in range(1, levels):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]")
    return "\n".join(lines)


def chain(length: int) -> str:
    links = [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, length)]
    return "\n".join(["a0: &a0 [x]", *links])


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("a: 1\na: 2\n", 2, "the key 'a' a second time"),
        ("x:\n  a: 1\n  'a': 2\n", 3, "the key 'a' a second time"),
        ("a:\n\tb: 1\n", 2, "found a tab; allowed: spaces"),
        ("a: [1, 2\nb: 3\n", 2, "found invalid YAML"),
        ("a: 'open\n", 2, "found invalid YAML"),
        ("a: *nowhere\n", 1, "found invalid YAML"),
        ("a: 1\n---\nb: 2\n", 2, "found invalid YAML"),
        ("a: &a\n  b: *a\n", 1, "an anchor that holds itself"),
        ("a: &a [*a]\n", 1, "an anchor that holds itself"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, "the tag "),
        ("a: !!binary aGVsbG8=\n", 1, "the tag "),
        ("a: !!set {x}\n", 1, "the tag "),
        ("a: !!int x\n", 1, "which is no number"),
        ("a: 0x_\n", 1, "which is no number"),
        (f"a: {'9' * 5000}\n", 1, "which is no number"),
        ("? [a]\n: 1\n", 1, "a list or a mapping as a key"),
        ("a: 1\nb:\n  <<: 3\n", 3, "<< in front of something else"),
        ("[" * 5000, 1, "found 41 levels"),
        (bomb(9), 1, "more than 100000 values"),
        (chain(400), 1, "more than 40 levels"),
        (b"a: 1\nb: \xff\n", 2, "found the byte 0xff; allowed: UTF-8"),
        (b"a: 1\nb: \x00\n", 2, "allowed: printable text"),
        ("#" * (MAX_BYTES + 1), 1, f"found more than {MAX_BYTES} bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_no_configuration_needs_is_refused(
    tmp_path: Path, text: str | bytes, line: int, told: str
):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/file.yaml:{line}: ")
    assert told in message


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_file_has_no_value(tmp_path: Path, text: str):
    assert read(tmp_path, text).value is None


def test_a_folder_is_no_file(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path)


def test_values_are_plain_and_dates_stay_text(tmp_path: Path):
    text = "a: 1\nb: 1.5\nc: yes\nd: 2026-03-02\ne: ~\nf: 'yes'\non: x\n3: y\n"
    assert read(tmp_path, text).value == {
        **{"a": 1, "b": 1.5, "c": True, "d": "2026-03-02", "e": None, "f": "yes"},
        **{"on": "x", "3": "y"},
    }


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path):
    assert read(tmp_path, b"\xef\xbb\xbfa: 1").value == {"a": 1}


def test_anchors_and_merges_share_settings(tmp_path: Path):
    text = "x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\nz: *x\n"
    value = read(tmp_path, text).value
    assert value["y"] == {"a": 1, "b": 3}
    assert value["z"] == {"a": 1, "b": 2}


def test_each_part_knows_its_line(tmp_path: Path):
    document = read(tmp_path, "a:\n  b:\n    - x\n    - y: 1\n\nc: z\n")
    places = [("a",), ("a", "b"), ("a", "b", 0), ("a", "b", 1, "y"), ("c",), ("a", "missing")]
    assert [document.line(place) for place in places] == [1, 2, 3, 4, 6, 1]
