"""Options: frozen models that refuse unknown names and explain in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Config(BaseModel):
    """Base of all options: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    found: dict[tuple[str, str], list[str]] = {}
    for item in error.errors():
        name = ".".join(str(p) for p in item["loc"] if not _is_branch(p))
        message = item["msg"].removeprefix("Value error, ")
        got = "" if item["type"] == "value_error" else f", got {item['input']!r}"
        if item["type"] == "extra_forbidden":
            message, got = "is not an option; check its spelling", ""
        found.setdefault((name, got), []).append(message)
    lines = []
    for (name, got), messages in found.items():
        # An option of several types fails once for each.
        text = " or ".join(dict.fromkeys(messages)) + got
        lines.append(f"{name}: {text}" if name else text)
    return "; ".join(lines)


def _is_branch(part: object) -> bool:
    # Unions add the name of the type that failed; a user never wrote it.
    return isinstance(part, str) and (
        not part.isidentifier() or part in {"int", "float", "str"}
    )
