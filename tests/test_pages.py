"""All pages: links lead to files, command lines are understood, README's code runs."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from napari_unet.cli import app

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [
    *(README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"),
    *(ROOT / "benchmarks/README.md", *sorted(ROOT.glob("docs/**/*.md"))),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def commands():
    """All command lines in the blocks of all pages, as tokens."""
    for page, name in zip(PAGES, NAMES, strict=True):
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"^ *```\n(.*?)^ *```", text, re.M | re.S):
            for line in re.findall(r"^ *napari-unet (.+)$", block, re.M):
                line = re.sub(r"[\[\]]|\.\.\.", "", line)  # as in [DATA], IMAGE...
                tokens = shlex.split(line, comments=True)
                yield pytest.param(tokens, id=f"{name}: {' '.join(tokens)}")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_to_files(page):
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not link.startswith("https://"):
            assert (page.parent / link).is_file(), link


@pytest.mark.parametrize("tokens", list(commands()))
def test_command_lines_are_understood(tokens):
    command, bound, _ = app.parse_args(tokens, print_error=False, exit_on_error=False)
    assert command.__name__ == {"open": "open_files"}.get(tokens[0], tokens[0])
    assert bound.arguments or tokens == [tokens[0]]


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    sample = ROOT / "sample_data/nuclei"
    monkeypatch.chdir(tmp_path)
    for part in ("images", "labels"):
        shutil.copytree(sample / part, tmp_path / "my-data" / part)
    unseen = sorted((sample / "test/images").iterdir())[0]
    shutil.copy(unseen, tmp_path / "image.tif")
    blocks = re.findall(
        r"^```python\n(.*?)^```", README.read_text("utf-8"), re.M | re.S
    )
    assert len(blocks) == 2
    code = "".join(blocks)
    assert "TrainConfig(minutes=10)" in code
    names = {}
    exec(code.replace("minutes=10", "steps=60, patch=64, batch=4, rate=5e-3"), names)
    assert (tmp_path / "image_labels.tif").is_file()
    assert float(capsys.readouterr().out.split()[0]) > 0
    assert names["result"].labels.shape == names["image"].array.shape[1:]
