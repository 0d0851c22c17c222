"""No word of the command line is read in a dock."""

import re
from pathlib import Path

import pytest

import napari_unet
from napari_unet.gui.wording import in_dock

# A sentence in the code that names an option, as the docks may show it.
OPTION = re.compile(r'"[^"\n]*(?<![\w`-])--[a-z][^"\n]*"')
SOURCE = Path(napari_unet.__file__).parent
CORE = [
    text
    for room in ("data", "files", "models", "segmentation", "training")
    for file in sorted((SOURCE / room).glob("*.py"))
    for text in OPTION.findall(file.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("text", CORE)
def test_options_are_named_as_fields(text):
    assert "--" not in in_dock(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("choose one channel (command line: --channel)", "(Channel and + channel, "),
        ("or train with --rehearsal 0", "or train with Rehearsal (part) 0"),
        ("train with any_size, which", "train with Any size, which"),
        ("object_size is 3", "Objects about is 3"),
        ("/data/any_size.tif: is empty", "/data/any_size.tif: is empty"),
        ("a - b -- c", "a - b -- c"),
    ],
)
def test_words(text, words):
    assert words in in_dock(text)
