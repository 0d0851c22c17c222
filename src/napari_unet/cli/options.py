"""Config models -> command-line options: names, help, ranges and defaults from them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, fields, make_dataclass
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeGuard,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from cyclopts import Group, Parameter
from pydantic.fields import FieldInfo

from napari_unet.config import Config, checked

Command = Callable[..., "int | None"]

LIMITS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}

Device = Annotated[str, Parameter(help="Device: auto, cpu, cuda, cuda:1 or mps.")]
Channel = Annotated[
    str | None,
    Parameter(help="Use only this channel of the images, by name or number from 0."),
]


@dataclass(frozen=True)
class Selection:
    """Which images of the data."""

    channel: Channel = None
    split: Annotated[
        str | None, Parameter(help="Only images with this split in index.csv.")
    ] = None
    where: Annotated[
        tuple[str, ...],
        Parameter(
            help="COLUMN=VALUE: only images with this value in index.csv.",
            show_default=False,
        ),
    ] = ()

    def conditions(self) -> dict[str, str]:
        """Return the column=value pairs of --where.

        Raises
        ------
        ValueError
            If one has no ``=``.
        """
        pairs = [text.partition("=") for text in self.where]
        for column, sign, value in pairs:
            if not (column and sign and value):
                raise ValueError(
                    f"--where {column}{sign}{value} is no condition; write "
                    "COLUMN=VALUE, for example modality=fluorescence"
                )
        return {column: value for column, _, value in pairs}


def options(command: Command) -> Command:
    """Spread the parameters of a command that are config models into options.

    A parameter annotated with a subclass of Config gets one option a field; the
    command is called with the config made of those that the user gave, so that
    `model_fields_set` tells which.

    Raises
    ------
    ValueError
        By the wrapped command, if an option is out of range.
    """
    hints = get_type_hints(command, include_extras=True)
    kinds = {name: hint for name, hint in hints.items() if _is_config(hint)}
    mirrors = {name: _mirror(kind) for name, kind in kinds.items()}

    @functools.wraps(command)
    def spread(*args: Any, **given: Any) -> int | None:
        configs = {
            name: checked(kind, _collect(given.pop(name, None), kind))
            for name, kind in kinds.items()
        }
        return command(*args, **given, **configs)

    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        if parameter.name in mirrors:
            mirror = mirrors[parameter.name]
            title = Group(_summary(kinds[parameter.name]), sort_key=1)
            hint = Annotated[mirror, Parameter(name="*", group=title)]
            parameter = parameter.replace(default=mirror())
        elif hint is Selection:
            hint = Annotated[hint, Parameter(name="*")]
        parameters.append(parameter.replace(annotation=hint))
    spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    spread.__annotations__ = {p.name: p.annotation for p in parameters}
    return spread


def _is_config(hint: object) -> TypeGuard[type[Config]]:
    return isinstance(hint, type) and issubclass(hint, Config)


def _summary(kind: type[Config]) -> str:
    return (kind.__doc__ or "").partition("\n")[0].rstrip(".")


def _mirror(kind: type[Config]) -> type:
    """Return a dataclass with the same fields, all None: what the user gave.

    cyclopts could take the config model itself, but would then drop every value but the
    first of ``int | tuple[int, ...]``, and hide the ranges.
    """
    members: list[tuple[str, Any, Any]] = []
    for name, info in kind.model_fields.items():
        hint: Any
        if _is_config(info.annotation):
            nested = _mirror(info.annotation)
            title = Group(_summary(info.annotation), sort_key=2)
            hint = Annotated[nested, Parameter(group=title)]
            members.append((name, hint, field(default_factory=nested)))
        else:
            simple = _simple(info)
            # Numbers stay text until pydantic reads them: cyclopts makes 2.5 an int 2.
            shown = None if simple else _metavar(info)
            hint = Annotated[
                (simple or str) | None, Parameter(help=_help(info), metavar=shown)
            ]
            members.append((name, hint, None))
    # cyclopts takes no class apart that seems to be of the standard library.
    module = {"__module__": __name__}
    return make_dataclass(kind.__name__, members, frozen=True, namespace=module)


def _members(annotation: Any) -> list[Any]:
    """Return the types of a union, without None and without Annotated."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [m for a in get_args(annotation) for m in _members(a)]
    return [] if annotation is type(None) else [annotation]


def _simple(info: FieldInfo) -> Any:
    """Return the type of a switch or of a choice, None for other fields."""
    members = _members(info.annotation)
    simple = members[0] is bool or get_origin(members[0]) is Literal
    return members[0] if len(members) == 1 and simple else None


def _metavar(info: FieldInfo) -> str:
    members = _members(info.annotation)
    if any(get_origin(m) is tuple for m in members):
        return "LIST"
    return "TEXT" if members[0] is str else members[0].__name__.upper()


def _help(info: FieldInfo) -> str:
    """Return description, range and default of a field."""
    text = info.description or ""
    tuples = [m for m in _members(info.annotation) if get_origin(m) is tuple]
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
        text += f" [default: {_text(info.default)}]"
    return text


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _collect(given: Any, kind: type[Config]) -> dict[str, Any]:
    """Return the options that the user gave as the config model takes them."""
    found: dict[str, Any] = {}
    for member in fields(given) if given is not None else ():
        value, info = getattr(given, member.name), kind.model_fields[member.name]
        if _is_config(info.annotation):
            value = _collect(value, info.annotation) or None
        elif isinstance(value, str):
            value = _parse(value, info)
        if value is not None:
            found[member.name] = value
    return found


def _parse(text: str, info: FieldInfo) -> Any:
    """Return the text of an option, as a tuple where its field is one."""
    members = _members(info.annotation)
    tuples = [m for m in members if get_origin(m) is tuple]
    if not tuples:
        return text
    if get_origin(get_args(tuples[0])[0]) is tuple:
        return tuple(_split(row) for row in text.split("/"))
    return text if len(members) > 1 and "," not in text else _split(text)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
