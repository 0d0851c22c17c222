"""Sphinx directives that write pages from the code: options, and the public names."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from types import NoneType
from typing import Any, get_args, get_origin

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import napari_unet
from napari_unet.config import Config
from napari_unet.config.base import LIMITS, label_of, members, text_of
from napari_unet.events import Event

# The rooms in which public names live, and what the page calls them.
TITLES = {
    "files": "Files and data sets",
    "data": "Images with labels",
    "config": "Options",
    "networks": "Networks",
    "formulations": "Formulations and losses",
    "models": "Models",
    "training": "Training",
    "segmentation": "Segmentation",
    "measures": "Measurements",
    "reports": "Reports",
    "events": "Long work",
}
# ``score, area : one entry per object``, as the docstrings of dataclasses have it.
FIELD = re.compile(r"^(\w+(?:, \w+)*) : (.*)$")


class Options(SphinxDirective):
    """A table of the fields of a config model: ``.. options:: TrainConfig``."""

    required_arguments = 1
    option_spec = {"prefix": directives.unchanged}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        prefix = self.options.get("prefix", "")
        lines = [
            ".. list-table::",
            "   :header-rows: 1",
            "   :widths: 22 14 22 42",
            "   :class: options",
        ]
        fields = getattr(napari_unet, self.arguments[0]).model_fields
        rows = [row(prefix + n, info) for n, info in fields.items() if not group(info)]
        for cells in [("option", "default", "values", "what it does"), *rows]:
            first, *others = cells
            lines += ["", f"   * - {first}", *(f"     - {text}" for text in others)]
        return self.parse_text_to_nodes("\n".join(lines))


def group(info: Any) -> bool:
    """Return whether a field holds options of its own."""
    kind = members(info.annotation)[0]
    return isinstance(kind, type) and issubclass(kind, Config)


def row(name: str, info: Any) -> tuple[str, str, str, str]:
    """Return one option's cells, as reStructuredText."""
    default = text_of(info.default, info)
    label = label_of(name.rpartition(".")[2], info)
    return (
        f"``{name}``",
        f"``{default}``" if default else "",
        escaped(values(info)),
        f"*{escaped(label)}*: {escaped(info.description or '')}",
    )


def values(info: Any) -> str:
    """Return type and range of an option: ``int or None, from 1``."""
    limits = [
        f"{word} {getattr(limit, sign)}"
        for sign, word in LIMITS.items()
        for limit in info.metadata
        if hasattr(limit, sign)
    ]
    return ", ".join([in_words(info.annotation), " ".join(limits)]).rstrip(", ")


def in_words(kind: Any) -> str:
    """Return the type of an option as a user reads it."""
    parts = get_args(kind)
    match get_origin(kind):
        case None:
            return {NoneType: "None", bool: "yes or no"}.get(kind) or kind.__name__
        case typing.Annotated:
            return in_words(parts[0])
        case typing.Literal:
            return " or ".join(map(str, parts))
        case origin if origin is tuple:
            inner = ("..." if part is ... else in_words(part) for part in parts)
            return f"({', '.join(inner)})"
    return " or ".join(map(in_words, parts))


def escaped(text: str) -> str:
    """Return plain text as reStructuredText."""
    return re.sub(r"([*`|_\\])", r"\\\1", text)


class PublicNames(SphinxDirective):
    """All of ``napari_unet.__all__``, a section per room, and what they return."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        rooms: dict[str, list[str]] = {room: [] for room in TITLES}
        public = [name for name in napari_unet.__all__ if name in napari_unet._HOME]
        for name in public:
            rooms.setdefault(napari_unet._HOME[name].split(".")[0], []).append(name)
        shown = [getattr(napari_unet, name) for name in public]
        lines = []
        for room, names in rooms.items():
            title = TITLES.get(room, room.capitalize())
            lines += [title, "-" * len(title), ""]
            for name in sorted(names, key=str.lower):
                lines += entry(name, getattr(napari_unet, name), shown)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def entry(name: str, thing: Any, shown: list[Any]) -> list[str]:
    """Return the lines that document one public name, and add to what is shown."""
    full, home = f"napari_unet.{name}", napari_unet._HOME[name]
    if isinstance(thing, type) and issubclass(thing, Config):
        return [f".. autoclass:: {full}(**options)", "", "   See :doc:`options`.", ""]
    if isinstance(thing, type):
        return [f".. autoclass:: {full}", "   :members:", ""]
    if isinstance(thing, dict):
        head = [f".. autodata:: napari_unet.{home}.{name}", "   :no-value:", ""]
        return head + [line for item in thing.items() for line in member(*item)]
    if inspect.isfunction(thing):
        lines = [f".. autofunction:: {full}", ""]
        for kind in returned(thing):
            if kind in shown:
                continue
            shown.append(kind)
            path = f"{kind.__module__}.{kind.__name__}"
            lines += [f".. autoclass:: {path}", "   :members:", ""]
        return lines
    public = ", ".join(n for n in vars(thing) if n in napari_unet.__all__)
    lines = [f".. automodule:: {thing.__name__}", "   :members:"]
    return [*lines, f"   :exclude-members: {public}", ""]


def member(key: str, value: Any) -> list[str]:
    """Return the lines that document one entry of a dict of classes or functions."""
    if not callable(value):
        return []
    kind = "class" if isinstance(value, type) else "function"
    full = f"{value.__module__}.{value.__name__}"
    return [f"   ``{key}``", "", f"   .. auto{kind}:: {full}", ""]


def returned(function: Any) -> Iterator[type]:
    """Yield the classes of ours that a function returns, but no events."""
    for name in re.findall(r"\w+", function.__annotations__.get("return", "")):
        kind = function.__globals__.get(name)
        if isinstance(kind, type) and not issubclass(kind, Event):
            if kind.__module__.startswith("napari_unet."):
                yield kind


def as_list(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Make a list of the fields that a class names without a heading of numpydoc."""
    del app, name, thing, options
    if what != "class" or any(re.fullmatch("-{3,}", line) for line in lines):
        return
    found = False
    for index, line in enumerate(lines):
        match = FIELD.match(line)
        if match:
            lines[index] = f"* **{match[1]}**: {match[2]}"
        elif found and line:
            lines[index] = f"  {line}"
        found = bool(match) or (found and bool(line))


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the directives known to Sphinx."""
    app.add_directive("options", Options)
    app.add_directive("public-names", PublicNames)
    app.connect("autodoc-process-docstring", as_list, priority=400)
    return {"parallel_read_safe": True}
