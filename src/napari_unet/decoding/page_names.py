"""What the pages of a TIFF are: channels by name, or numbered times and planes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

PAGE_NAME = 285  # code of the tag
LONGEST = 80  # a longer description is no name
MOST_PAGES = 256  # more are no channels, and looking at each takes a while

ISOTOPE = re.compile(r"^(\d{2,3}[A-Z][a-z]?|[A-Z][a-z]?\d{2,3})$")
WORDS = {
    **dict.fromkeys(("t", "time", "frame", "timepoint"), "T"),
    **dict.fromkeys(("z", "slice", "plane", "depth"), "Z"),
    **dict.fromkeys(("p", "pos", "position", "fov", "field", "xy", "site"), "P"),
    **dict.fromkeys(("c", "ch", "channel"), "C"),
}


def named_pages(pages: Sequence[Any]) -> tuple[str, tuple[str, ...]]:
    """Return the letter of the axis of pages and the names of channels.

    "" where the pages say nothing of themselves. MIBI names channels in the JSON of
    each page's description, others in the tag PageName or in a line of text.
    """
    if not 1 < len(pages) <= MOST_PAGES:
        return "", ()
    whole = [None if page is None else page.aspage() for page in pages]
    for name_of in (_page_name, _description):
        names = [name_of(page) for page in whole if page is not None]
        if len(names) == len(pages) and all(names) and len(set(names)) == len(names):
            return meaning_of(names)
    return "", ()


def meaning_of(names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return what distinct names of pages say: the letter of their axis, and channels.

    Examples
    --------
    >>> meaning_of(["DAPI", "GFP"])
    ('C', ('DAPI', 'GFP'))
    >>> meaning_of(["t001", "t002"])
    ('T', ())
    >>> meaning_of(["page 1", "page 2"])
    ('', ())
    """
    words = {re.sub(r"[\d\s._/:=+-]+", "", name).lower() for name in names}
    if len(words) > 1 or all(ISOTOPE.match(name) for name in names):
        return "C", tuple(names)
    letter = WORDS.get(words.pop(), "")
    return letter, tuple(names) if letter == "C" else ()


def _page_name(page: Any) -> str:
    tag = page.tags.get(PAGE_NAME)
    return "" if tag is None else _line(str(tag.value))


def _description(page: Any) -> str:
    text = str(page.description).strip()
    if text.startswith("{"):
        return _from_json(text)
    if text.startswith("<"):
        found = re.search(r"<(Biomarker|Name)>\s*([^<]+?)\s*</\1>", text)
        return "" if found is None else _line(found[2])
    return _line(text)


def _from_json(text: str) -> str:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    names = ("channel.target", "channel", "Channel", "channel_name", "name")
    found = (told.get(n) for n in names) if isinstance(told, dict) else ()
    return next((_line(n) for n in found if isinstance(n, str) and n.strip()), "")


def _line(text: str) -> str:
    """Return a text that may be a name, or ""."""
    text = text.strip("\0 \t\r\n")
    return text if len(text) <= LONGEST and "\n" not in text else ""
