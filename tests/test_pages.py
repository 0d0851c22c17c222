"""All pages: links lead to files, command lines are understood, Python runs."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from napari_unet.cli import app

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = [p for p in sorted(ROOT.glob("docs/**/*.md")) if "_build" not in p.parts]
PAGES = [
    *(README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"),
    *(ROOT / "benchmarks/README.md", *DOCS),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
BLOCK = re.compile(r"^ *```.*?^ *```", re.M | re.S)
# One after the other, with the model that the first one trains.
SCRIPTS = [ROOT / "docs/guides/python.md", ROOT / "docs/guides/correct.md"]


def commands():
    """All command lines in the blocks of all pages, as tokens."""
    for page, name in zip(PAGES, NAMES, strict=True):
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"^ *```\n(.*?)^ *```", text, re.M | re.S):
            for line in re.findall(r"^ *napari-unet (.+)$", block, re.M):
                line = re.sub(r"[\[\]]|\.\.\.", "", line)  # as in [DATA], IMAGE...
                tokens = shlex.split(line, comments=True)
                yield pytest.param(tokens, id=f"{name}: {' '.join(tokens)}")


def anchors(page):
    """The headings of a page as links name them, as GitHub and MyST do."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for title in re.findall(r"^#+ (.*)$", text, re.M):
        words = re.sub(r"[^\w\- ]", "", title.strip().lower())
        yield words.replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_to_files_and_headings(page):
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("https://"):
            continue
        file, _, heading = link.partition("#")
        target = page.parent / file if file else page
        assert target.is_file(), link
        assert not heading or heading in set(anchors(target)), link


def test_the_picture_of_the_house_has_all_rooms():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = re.findall(
        r"(\w+)/", re.search(r"^```text\n(.*?)^```", text, re.M | re.S)[1]
    )
    package = ROOT / "src/napari_unet"
    faces = [*package.glob("*/__init__.py"), *package.glob("gui/*/__init__.py")]
    assert sorted(drawn) == sorted(face.parent.name for face in faces)


def test_the_readme_is_one_page():
    assert len(README.read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("tokens", list(commands()))
def test_command_lines_are_understood(tokens):
    command, bound, _ = app.parse_args(tokens, print_error=False, exit_on_error=False)
    assert command.__name__ == {"open": "open_files"}.get(tokens[0], tokens[0])
    assert bound.arguments or tokens == [tokens[0]]


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def test_the_python_of_the_pages_runs(tmp_path, monkeypatch, capsys):
    sample = ROOT / "sample_data/nuclei"
    monkeypatch.chdir(tmp_path)
    for part in ("images", "labels"):
        shutil.copytree(sample / part, tmp_path / "my-data" / part)
    unseen = sorted((sample / "test/images").iterdir())[0]
    shutil.copy(unseen, tmp_path / "image.tif")
    names = {}
    steps = 60  # of the first training, which is to find something
    for page in SCRIPTS:
        for code in blocks(page):
            budget = f"steps={steps}, patch=64, batch=4, rate=5e-3"
            steps = 5 if "minutes=10" in code else steps
            exec(code.replace("minutes=10", budget), names)
    assert (tmp_path / "image_labels.tif").is_file()
    assert float(capsys.readouterr().out.split()[0]) > 0
    assert names["result"].labels.shape == names["image"].array.shape[1:]
    assert names["place"].box


def test_the_readme_has_the_python_of_its_guide():
    (readme,) = blocks(README)
    guide = blocks(SCRIPTS[0])[0]
    assert set(readme.splitlines()) <= set(guide.splitlines())
    assert "TrainConfig(minutes=10)" in readme
