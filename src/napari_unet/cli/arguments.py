"""Config models -> command-line options: names, help, ranges and defaults from them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Annotated, Any, TypeGuard, get_origin, get_type_hints

from cyclopts import Group, Parameter
from pydantic.fields import FieldInfo

from napari_unet.config import Config, checked
from napari_unet.config.base import (
    group_of,
    help_of,
    members,
    numbers,
    parse,
    simple_type,
)
from napari_unet.data.meaning import Meaning

Command = Callable[..., "int | None"]

Device = Annotated[str, Parameter(help="Device: auto, cpu, cuda, cuda:1 or mps.")]
Channel = Annotated[
    str | None,
    Parameter(
        help="Use only these channels of the images, by name or number from 0, with "
        "commas between several: DAPI,GFP."
    ),
]
Axes = Annotated[
    str | None,
    Parameter(
        help="What the axes of the files are, where they do not say it: a letter for "
        "each, in their order, T (time), P (positions), C (channels), Z, Y, X, "
        "S (colours): TYX."
    ),
]
Series = Annotated[
    str | None,
    Parameter(
        help="Which images of files that hold several, by number from 0 or name, or "
        "all; else the largest, and those of its kind and about its size."
    ),
]


def options(command: Command, leave_out: Collection[str] = ()) -> Command:
    """Spread the parameters of a command that are config models into options.

    A parameter annotated with a subclass of Config gets one option a field, but those
    to `leave_out`; the command is called with the config made of those that the user
    gave, so that `model_fields_set` tells which. One out of range is a ValueError.
    """
    hints = get_type_hints(command, include_extras=True)
    kinds = {name: hint for name, hint in hints.items() if _is_config(hint)}
    mirrors = {name: _mirror(kind, leave_out) for name, kind in kinds.items()}

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


def _mirror(kind: type[Config], leave_out: Collection[str]) -> type:
    """Return a dataclass with the same fields, all None: what the user gave.

    cyclopts could take the config model itself, but would then drop every value but the
    first of ``int | tuple[int, ...]``, and hide the ranges.
    """
    entries: list[tuple[str, Any, Any]] = []
    for name, info in kind.model_fields.items():
        hint: Any
        if name in leave_out:
            continue
        if _is_config(info.annotation):
            nested = _mirror(info.annotation, leave_out)
            title = Group(_summary(info.annotation), sort_key=2)
            hint = Annotated[nested, Parameter(group=title)]
            entries.append((name, hint, field(default_factory=nested)))
        else:
            # Numbers stay text until pydantic reads them: cyclopts makes 2.5 an int 2.
            simple = None if numbers(info) else simple_type(info)
            shown = None if simple else _metavar(info)
            # Not None: that would leave the group of the whole config, too.
            group: dict[str, Any] = {}
            if group_of(info):
                group["group"] = Group(group_of(info), sort_key=1)
            about = Parameter(help=help_of(info), metavar=shown, **group)
            hint = Annotated[(simple or str) | None, about]
            entries.append((name, hint, None))
    # cyclopts takes no class apart that seems to be of the standard library.
    module = {"__module__": __name__}
    return make_dataclass(kind.__name__, entries, frozen=True, namespace=module)


def _metavar(info: FieldInfo) -> str:
    kinds = members(info.annotation)
    if any(get_origin(m) is tuple for m in kinds):
        return "LIST"
    if choices := numbers(info):
        return "|".join(map(str, choices))
    return "TEXT" if kinds[0] is str else kinds[0].__name__.upper()


def _collect(given: Any, kind: type[Config]) -> dict[str, Any]:
    """Return the options that the user gave as the config model takes them."""
    found: dict[str, Any] = {}
    for member in fields(given) if given is not None else ():
        value, info = getattr(given, member.name), kind.model_fields[member.name]
        if _is_config(info.annotation):
            value = _collect(value, info.annotation) or None
        elif isinstance(value, str):
            value = parse(value, info)
        if value is not None:
            found[member.name] = value
    return found


MeaningOptions: Any = _mirror(Meaning, ())


@dataclass(frozen=True)
class Selection:
    """Which images of the data, and what their labels mean."""

    channel: Channel = None
    axes: Axes = None
    series: Series = None
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
    numbers: Annotated[MeaningOptions, Parameter(name="*")] = MeaningOptions()  # noqa: RUF009

    def conditions(self) -> dict[str, str]:
        """Return the column=value pairs of --where."""
        pairs = [text.partition("=") for text in self.where]
        for column, sign, value in pairs:
            if not (column and sign and value):
                raise ValueError(
                    f"--where {column}{sign}{value} is no condition; write "
                    "COLUMN=VALUE, for example modality=fluorescence"
                )
        return {column: value for column, _, value in pairs}

    def meaning(self) -> Meaning:
        """Return what numbers in the labels mean."""
        return checked(Meaning, _collect(self.numbers, Meaning))
