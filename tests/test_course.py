"""The course: cells run and print what the text shows, and draw their pictures."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("course", ROOT / "docs/course/run.py")
course = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(course)
CHAPTERS = course.chapters()


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.stem)
def test_a_chapter_runs_and_prints_what_it_says(chapter, tmp_path):
    printed = []
    drawn = course.run(chapter, tmp_path, lambda cell, out: printed.append((cell, out)))
    assert len(printed) > 4
    for cell, output in printed:
        if cell.shown:
            assert output == cell.shown, f"{chapter.name}, line {cell.line}"
    assert [file.name for file in drawn] == [f"{chapter.stem}.png"]
    with Image.open(drawn[0]) as picture:
        assert picture.size[0] > 400


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.stem)
def test_all_code_is_in_cells(chapter):
    text = chapter.read_text(encoding="utf-8")
    cells = list(course.cells(chapter))
    assert text.count("```python") == len(cells)
    assert text.count("```text") == sum(bool(cell.shown) for cell in cells)
    assert text.count("```") % 2 == 0


def test_the_index_lists_all_chapters_and_each_shows_its_picture():
    index = (course.COURSE / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[\d+ .*\]\((.*?)\)", index, re.M) == [
        chapter.name for chapter in CHAPTERS
    ]
    for chapter in CHAPTERS:
        picture = f"(../images/course/{chapter.stem}.png)"
        assert picture in chapter.read_text(encoding="utf-8")
    sizes = [file.stat().st_size for file in course.IMAGES.glob("*.png")]
    assert len(sizes) == len(CHAPTERS) and sum(sizes) < 500_000


def test_run_prints_what_cells_print(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "argv", ["run.py", "04", "--images", str(tmp_path)])
    course.main()
    printed = capsys.readouterr().out
    assert "== 04-expanding" in printed and "level 4: 0.54" in printed
    assert (tmp_path / "04-expanding.png").is_file()
    monkeypatch.setattr(sys, "argv", ["run.py", "99"])
    with pytest.raises(SystemExit):
        course.main()
