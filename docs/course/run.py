"""Runs the cells of the course, and keeps the pictures that they draw.

``python docs/course/run.py 03 10`` runs two chapters, without numbers all of them.
"""

import argparse
import contextlib
import io
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

COURSE = Path(__file__).parent
IMAGES = COURSE.parent / "images" / "course"
# A cell, and what the text says that it prints.
CELL = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.M | re.S)
COLOURS = 32


class Cell(NamedTuple):
    """One cell of a chapter.

    line : where its code begins in the file, from 1
    code : Python
    shown : the output that the text shows below it; "" where it shows none
    """

    line: int
    code: str
    shown: str


def chapters() -> list[Path]:
    """Return the files of all chapters, in order."""
    return sorted(COURSE.glob("[0-9][0-9]-*.md"))


def cells(chapter: Path) -> Iterator[Cell]:
    """Yield the cells of a chapter, from top to bottom."""
    text = chapter.read_text(encoding="utf-8")
    for found in CELL.finditer(text):
        line = text.count("\n", 0, found.start(1)) + 1
        yield Cell(line, found[1], found[2] or "")


def run(
    chapter: Path, images: Path, tell: Callable[[Cell, str], None] = lambda *_: None
) -> list[Path]:
    """Run a chapter's cells in one namespace and a folder that is thrown away.

    Parameters
    ----------
    chapter : Path
    images : Path
        Folder of the pictures; older ones of the same name are replaced.
    tell : callable, optional
        Takes each cell and its output, once it has run.

    Returns
    -------
    list of Path
        The pictures.
    """
    import matplotlib

    matplotlib.use("Agg")
    images = images.absolute()
    namespace = {"__name__": "__main__"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for cell in cells(chapter):
            # Errors name the file and the line.
            source = "\n" * (cell.line - 1) + cell.code
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(source, str(chapter), "exec"), namespace)
            tell(cell, printed.getvalue())
        drawn = sorted(Path().glob("*.png"))
        return [with_few_colours(file, images / file.name) for file in drawn]


def with_few_colours(source: Path, target: Path) -> Path:
    """Write a picture again, as small as pictures of a repository should be."""
    import matplotlib.pyplot as plt
    from PIL import Image

    none = Image.Dither.NONE

    plt.close("all")
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as picture:
        few = picture.convert("RGB").quantize(COLOURS, kmeans=2, dither=none)
    few.save(target, optimize=True)
    return target


def main() -> None:
    """Run chapters from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapters", nargs="*", metavar="NN", help="such as 03")
    parser.add_argument("--images", type=Path, default=IMAGES)
    args = parser.parse_args()
    known = {chapter.name[:2]: chapter for chapter in chapters()}
    for number in args.chapters or known:
        if number not in known:
            parser.error(f"there is no chapter {number}; choose of {', '.join(known)}")
        began = time.perf_counter()
        print(f"== {known[number].stem}")
        for file in run(known[number], args.images, tell):
            print(f"{file}: {file.stat().st_size / 1000:.0f} kB")
        print(f"{time.perf_counter() - began:.1f} s\n")


def tell(cell: Cell, output: str) -> None:
    """Print what a cell printed."""
    print(f"-- line {cell.line}\n{output}", end="", flush=True)


if __name__ == "__main__":
    main()
