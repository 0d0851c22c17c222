"""How Sphinx makes the site: ``make docs``. Pages and their order stand in _toc.yml."""

import sys
from pathlib import Path

from napari_unet import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "napari-unet-live"
author = "The napari-unet-live contributors"
copyright = author  # noqa: A001
release = __version__
extensions = [
    "myst_parser",
    "sphinx_external_toc",
    "sphinx_copybutton",
    "sphinx.ext.autodoc",
    "numpydoc",
    "cyclopts.ext.sphinx",
    "from_code",
]
exclude_patterns = ["_build"]
external_toc_path = "_toc.yml"
myst_heading_anchors = 3
smartquotes = False
highlight_language = "none"
autodoc_typehints = "none"  # docstrings have shapes and units, too
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "footer_end": [],
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
}
