"""What stands in the header of a model: checked before anybody relies on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_unet.config.base import explain

Count = Annotated[int, Field(ge=0, lt=2**63)]
Line = Annotated[str, Field(max_length=10_000)]
Threshold = Annotated[float, Field(ge=0, le=2**31)]
MOST = 200  # characters of what is told


class Schema(BaseModel):
    """Base: more than is named may be there, but no number that is none."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, strict=True)


class Entry(Schema):
    """One image of the data."""

    name: Line = ""
    sha256: Line = ""
    objects: Count = 0


class Part(Schema):
    """The images that teach, or those that validate, with their figures."""

    names: list[Line] = []
    images: Count = 0


class Judges(Part):
    """The images that validate, with what was found on them."""

    objects: Count = 0
    figures: dict[Line, float] = {}


class Gain(Schema):
    """What was gained over the model to start from."""

    gain: float = 0.0
    low: float = 0.0
    high: float = 0.0
    objects: Count = 0
    verdict: Line = ""


class Card(Schema):
    """Where a model comes from."""

    data: list[Entry] = []
    training: Part = Part()
    validation: Judges = Judges()
    options: dict[Line, Any] = {}
    seed: int = 0
    versions: dict[Line, Line] = {}
    licence: Line = ""
    patch: list[Count] = []
    batch: Count = 1
    init: Line = ""
    steps: Count = 0
    seconds: Annotated[float, Field(ge=0, le=1e10)] = 0.0
    knew: float = 0.0
    rate: Annotated[float, Field(gt=0)] = 1.0
    start: Gain = Gain()


class Header(Schema):
    """All of a model but its weights."""

    config: dict[str, Any]
    thresholds: dict[Line, Threshold]
    card: Card


class Counters(Schema):
    """Where a run stands."""

    model_config = ConfigDict(extra="forbid")
    step: Count = 0
    total: Count | None = None
    painted: bool = False
    knew: float | None = None
    epoch: Count = 0
    seconds: Annotated[float, Field(ge=0, le=1e10)] = 0.0
    best: float | None = None
    stale: Count = 0
    thresholds: dict[Line, Threshold] = {}
    history: list[dict[Line, Any]] = []


class State(Schema):
    """All of a run but its weights."""

    counters: Counters
    train: dict[str, Any]
    data: list[dict[str, Any]]
    painted: Annotated[str, Field(pattern=r"^painted-[0-9]{1,20}\.npz$")] | None = None


S = TypeVar("S", bound=Schema)


def check(kind: type[S], content: Mapping[str, Any]) -> S:
    """Return what a mapping holds; a ValueError, cut short, unless it fits."""
    try:
        return kind.model_validate(dict(content))
    except ValidationError as error:
        text = explain(error)
    except RecursionError:
        text = "too many levels"
    raise ValueError(text if len(text) <= MOST else f"{text[:MOST]} ...")
