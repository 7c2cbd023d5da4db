"""A document held against a model: the value it makes, or every mistake with its line."""

from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from rag_pipelines.config.problems import found_and_allowed, unknown
from rag_pipelines.config.yaml_lines import Document
from rag_pipelines.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

T = TypeVar("T")


def validated(document: Document, shape: type[T], context: Mapping[str, Any]) -> T:
    """The document as `shape`.

    Raises `ConfigError` with one line for each mistake: `file:line: where: found X; allowed Y`.
    """
    try:
        return TypeAdapter(shape).validate_python(document.value, context=dict(context))
    except ValidationError as error:
        details = [_as_written(d, shape) for d in error.errors() if not _follows(d)]
        problems = sorted((_line(document, d), _explain(document, shape, d)) for d in details)
        raise ConfigError("\n".join(problem for _, problem in problems)) from None


def _follows(detail: "ErrorDetails") -> bool:
    """Whether a mistake only follows from another one, which is reported itself."""
    if detail["type"] == "too_short":
        return len(detail["input"]) >= detail.get("ctx", {})["min_length"]
    return detail["type"] == "default_factory_not_called"


def _as_written(detail: "ErrorDetails", shape: Any) -> "ErrorDetails":
    """The mistake at the place where it stands: pydantic puts the kind that was meant into it."""
    written: list[str | int] = []
    for part in detail["loc"]:
        kinds = _kinds(shape)
        if part in kinds:
            shape = kinds[str(part)]
            continue
        written.append(part)
        shape = _inside(_plain(shape), part)
    return {**detail, "loc": tuple(written)}


def _kinds(shape: Any) -> dict[str, type[BaseModel]]:
    """The models that an entry may be, by the value that tells them apart; see `discriminator`."""
    if get_origin(shape) is not Annotated:
        return {}
    members, *told = get_args(shape)
    by = next((one.discriminator for one in told if getattr(one, "discriminator", None)), None)
    if not by:
        return {}
    return {
        kind: model
        for model in get_args(members)
        for kind in get_args(model.model_fields[by].annotation)
    }


def _line(document: Document, detail: "ErrorDetails") -> int:
    return document.line(detail["loc"])


def _explain(document: Document, shape: Any, detail: "ErrorDetails") -> str:
    location = detail["loc"]
    if detail["type"] == "extra_forbidden":
        known = _keys(shape, location[:-1])
        return document.problem(location, unknown(str(location[-1]), known))
    return document.problem(location, found_and_allowed(detail))


def _keys(shape: Any, location: Sequence[str | int]) -> list[str]:
    """The keys that are read at a location."""
    for part in location:
        shape = _inside(_plain(shape), part)
    shape = _plain(shape)
    return list(_fields(shape)) if _is_model(shape) else []


def _inside(shape: Any, part: str | int) -> Any:
    if _is_model(shape):
        return _fields(shape).get(str(part))
    arguments = get_args(shape)
    return arguments[1 if get_origin(shape) is dict else 0] if arguments else None


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _plain(shape: Any) -> Any:
    """A type without `Annotated` and without `| None`."""
    while get_origin(shape) in (Annotated, Union, UnionType):
        shape = next(part for part in get_args(shape) if part is not NoneType)
    return shape


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, BaseModel)
