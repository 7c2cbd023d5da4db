"""What the tables of `models.yaml` have in common: their entries, names and shares."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

BASE: Final = "base"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def _model_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            "a name of 1 to 63 characters: lower-case letters, digits, _ and -, "
            "beginning with a letter or a digit"
        )
    return value


ModelName = Annotated[str, AfterValidator(_model_name)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Loss = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]


class Entry(BaseModel):
    """One entry of a table: nothing in it that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)
