"""YAML in, plain values and the line of each out.

Knows what a configuration file may be made of: text, numbers, true and false, lists, mappings,
anchors within bounds. Does not know what the values mean. Nothing in a file is ever executed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from rag_pipelines.config.problems import word
from rag_pipelines.errors import ConfigError

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 40
MAX_VALUES: Final = 100_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A file's value, and the line on which each part of it stands."""

    name: str
    value: Any
    lines: dict[Location, int]

    def line(self, location: Location) -> int:
        """The line of the nearest part that holds `location`, from 1."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def problem(self, location: Location, text: str) -> str:
        """`file:line: where: text`."""
        where = ".".join(map(word, self._written(location))) or "the file"
        return f"{self.name}:{self.line(location)}: {where}: {text}"

    def _written(self, location: Location) -> Iterator[str | int]:
        """The parts of a location that a reader of the file would recognise."""
        value = self.value
        for part in location:
            inside = isinstance(value, dict | list)
            if not inside:
                return
            if part != "[key]":
                yield part
            value = _item(value, part)


def _item(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def read_yaml(path: Path) -> Document:
    """Read one YAML document.

    Raises `ConfigError` with file and line where it cannot be read, is not UTF-8 or not YAML,
    names a key twice, is larger or deeper than a configuration can be, or refers to itself.
    """
    text = _text(path)
    try:
        _check_depth(path, text)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{path}:{line}: {_syntax(error, text, line)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"{path}:{line}: found the character U+{_code(error):04X}; allowed: printable text"
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}:1: found invalid YAML ({error}); allowed: YAML") from None
    reader = _Reader(path)
    value = reader.value(node, ()) if node else None
    return Document(str(path), value, reader.lines)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: found no such file; allowed: a YAML file") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); allowed: a YAML file") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}:1: found more than {MAX_BYTES} bytes; allowed: at most that")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}:{line}: found the byte 0x{data[error.start]:02x}; allowed: UTF-8 text"
        ) from None


def _check_depth(path: Path, text: str) -> None:
    """The composer recurses, so nesting is bounded on the flat stream of events first."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1
            raise ConfigError(f"{path}:{line}: found {depth} levels; allowed: {MAX_DEPTH} levels")


def _syntax(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    problem = error.problem or error.context or "invalid YAML"
    marked = "".join(text.splitlines()[line - 1 : line])
    if "\t" in marked[: len(marked) - len(marked.lstrip())]:
        return "found a tab; allowed: spaces for indentation"
    context = f" {error.context}" if error.context and error.problem else ""
    return f"found invalid YAML ({problem}{context}); allowed: YAML"


def _code(error: yaml.reader.ReaderError) -> int:
    character = error.character
    return ord(character) if isinstance(character, str) else int(character)


class _Reader:
    """Makes values of nodes, and writes down the line of each."""

    def __init__(self, path: Path) -> None:
        self.lines: dict[Location, int] = {}
        self._path = path
        self._open: list[yaml.Node] = []
        self._count = 0

    def value(self, node: yaml.Node, at: Location, line: int | None = None) -> Any:
        self._admit(node)
        self.lines[at] = line or node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, at)
            return self._sequence(node, at)
        finally:
            self._open.pop()

    def _admit(self, node: yaml.Node) -> None:
        self._count += 1
        if any(node is parent for parent in self._open):
            self._refuse(node, "an anchor that holds itself", "anchors that do not")
        if self._count > MAX_VALUES:
            self._refuse(node, f"more than {MAX_VALUES} values, anchors followed", "fewer")
        if len(self._open) > MAX_DEPTH:
            self._refuse(node, f"more than {MAX_DEPTH} levels, anchors followed", "fewer")

    def _mapping(self, node: yaml.MappingNode, at: Location) -> dict[str, Any]:
        if node.tag != f"{_TAG}map":
            self._refuse(node, f"the tag {word(node.tag)}", "plain values")
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, item in node.value:
            if key.tag == f"{_TAG}merge":
                merged = self._merge(item, at) | merged
                continue
            name = self._key(key, values)
            values[name] = self.value(item, (*at, name), key.start_mark.line + 1)
        return merged | values

    def _key(self, key: yaml.Node, values: dict[str, Any]) -> str:
        if not isinstance(key, yaml.ScalarNode):
            self._refuse(key, "a list or a mapping as a key", "text")
        if key.value in values:
            self._refuse(key, f"the key {key.value!r} a second time", "each key once")
        return key.value

    def _merge(self, node: yaml.Node, at: Location) -> dict[str, Any]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in nodes:
            if not isinstance(part, yaml.MappingNode):
                self._refuse(part, "<< in front of something else", "<< in front of a mapping")
            merged = self.value(part, at) | merged
        return merged

    def _sequence(self, node: yaml.Node, at: Location) -> list[Any]:
        if node.tag != f"{_TAG}seq":
            self._refuse(node, f"the tag {word(node.tag)}", "plain values")
        return [self.value(item, (*at, index)) for index, item in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        """A date stays the text it was written as."""
        make = _SCALARS.get(node.tag.removeprefix(_TAG))
        if make is None:
            return self._refuse(node, f"the tag {word(node.tag)}", "plain values")
        try:
            return make(node)
        except (ValueError, OverflowError, KeyError):
            self._refuse(node, f"{node.value[:40]!r}, which is no number", "a number or text")

    def _refuse(self, node: yaml.Node, found: str, allowed: str) -> Any:
        line = node.start_mark.line + 1
        raise ConfigError(f"{self._path}:{line}: found {found}; allowed: {allowed}")


_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_SCALARS = {
    "str": lambda node: node.value,
    "timestamp": lambda node: node.value,
    "null": lambda _: None,
    "bool": _CONSTRUCTOR.construct_yaml_bool,
    "int": _CONSTRUCTOR.construct_yaml_int,
    "float": _CONSTRUCTOR.construct_yaml_float,
}
