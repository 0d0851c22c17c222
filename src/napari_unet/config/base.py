"""Options: frozen models that refuse unknown names and explain in plain sentences.

Their help and their values as text are the same in forms and on the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Self,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.fields import FieldInfo

JsonDict = dict[str, JsonValue]
# Options that few change are in a group of their own, in forms and on the command line.
# The label of an option, with its unit, is its title; by default its name.
MORE: JsonDict = {"group": "More options"}
SPEED: JsonDict = {"group": "Speed and memory"}

Precision = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    Field(
        description="Number format inside the network; auto takes 16 bits only where "
        "the hardware gains by it."
    ),
]

MOST_SHOWN = 200  # characters of a value that is wrong
LIMITS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}


class Config(BaseModel):
    """Base of all options: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some options changed, checked again.

        What was left open stays so: `model_fields_set` grows by the changes alone.
        """
        return checked(type(self), {**self.model_dump(exclude_unset=True), **changes})


C = TypeVar("C", bound=Config)


def checked(kind: type[C], options: Mapping[str, Any]) -> C:
    """Make a config; bad options become one ValueError sentence each."""
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        raise ValueError(explain(error)) from None


def explain(error: ValidationError) -> str:
    """Return pydantic's findings as one line of plain sentences."""
    return "; ".join(f"{n}: {text}" if n else text for n, text in findings(error))


def findings(error: ValidationError) -> list[tuple[str, str]]:
    """Return the option and the sentence of each of pydantic's findings.

    The option is ``"augment.noise"`` for one of a group, ``"strides.0"`` for a part of
    a value, and empty for what concerns several.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for item in error.errors():
        name = ".".join(str(p) for p in item["loc"] if not _is_branch(p))
        message = item["msg"].removeprefix("Value error, ")
        got = "" if item["type"] == "value_error" else f", got {_short(item['input'])}"
        if item["type"] == "extra_forbidden":
            message, got = "is not an option; check its spelling", ""
        found.setdefault((name, got), []).append(message)
    # An option of several types fails once for each.
    return [
        (name, " or ".join(dict.fromkeys(messages)) + got)
        for (name, got), messages in found.items()
    ]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _is_branch(part: object) -> bool:
    # Unions add the name of the type that failed; a user never wrote it.
    return isinstance(part, str) and (
        not part.isidentifier() or part in {"int", "float", "str"}
    )


def members(annotation: Any) -> list[Any]:
    """Return the types of a union, without None and without Annotated."""
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [m for a in get_args(annotation) for m in members(a)]
    return [] if annotation is type(None) else [annotation]


def simple_type(info: FieldInfo) -> Any:
    """Return the type of a switch or of a choice, None for other options."""
    kinds = members(info.annotation)
    simple = kinds[0] is bool or get_origin(kinds[0]) is Literal
    return kinds[0] if len(kinds) == 1 and simple else None


def numbers(info: FieldInfo) -> tuple[int, ...]:
    """Return the numbers that can be chosen, where an option is a choice of them."""
    kinds = members(info.annotation)
    choices = get_args(kinds[0]) if get_origin(kinds[0]) is Literal else ()
    return tuple(c for c in choices if isinstance(c, int))


def label_of(name: str, info: FieldInfo) -> str:
    """Return what an option is called in forms."""
    return info.title or name.replace("_", " ").capitalize()


def group_of(info: FieldInfo) -> str:
    """Return the group that an option belongs to; "": it is one of those at hand."""
    extra = info.json_schema_extra
    return str(extra.get("group", "")) if isinstance(extra, dict) else ""


def help_of(info: FieldInfo) -> str:
    """Return description, range and default of an option."""
    text = info.description or ""
    tuples = [m for m in members(info.annotation) if get_origin(m) is tuple]
    if tuples:
        rows = get_origin(get_args(tuples[0])[0]) is tuple
        text += " Separate numbers by commas" + (", rows by /." if rows else ".")
        if get_args(tuples[0])[0] is str:
            text = text.replace("numbers", "names")
    limits = [
        f"{word} {getattr(limit, sign)}"
        for sign, word in LIMITS.items()
        for limit in info.metadata
        if hasattr(limit, sign)
    ]
    if limits:
        text += f" [{' '.join(limits)}]"
    if info.default is not None:
        text += f" [default: {text_of(info.default, info)}]"
    return text


def text_of(value: Any, info: FieldInfo) -> str:
    """Return the value of an option as text that :func:`parse` reads."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, tuple):
        return "" if value is None else str(value)
    if value and isinstance(value[0], tuple):
        return "/".join(",".join(map(str, row)) for row in value)
    # A comma tells a list of one number from a number, where both are possible.
    alone = len(value) == 1 and len(members(info.annotation)) > 1
    return ",".join(map(str, value)) + "," * alone


def parse(text: str, info: FieldInfo) -> Any:
    """Return the text of an option, as a tuple where its field is one.

    Numbers stay text: the config model reads them.
    """
    kinds = members(info.annotation)
    tuples = [m for m in kinds if get_origin(m) is tuple]
    if not tuples:
        return next((n for n in numbers(info) if text.strip() == str(n)), text)
    if get_origin(get_args(tuples[0])[0]) is tuple:
        return tuple(_split(row) for row in text.split("/"))
    return text if len(kinds) > 1 and "," not in text else _split(text)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def known(name: str, members: dict[str, Any], kind: str) -> Any:
    """Return ``members[name]``, or raise a ValueError that lists the known names."""
    try:
        return members[name]
    except KeyError:
        raise ValueError(
            f"{kind} {name!r} is not known; choose one of {', '.join(sorted(members))}"
        ) from None
