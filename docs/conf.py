"""The site: ``make site``. What is made from the specification is written by the extension in ``_ext`` into ``generated``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from crossoptim import __version__

project = "crossoptim"
release = version = __version__
copyright = "crossoptim authors, MIT licence"  # noqa: A001

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "crossoptim_docs",
]
exclude_patterns = ["_ext", "_static", "examples"]

# Where the files are that are not part of the site, without a slash at the end; empty: links to them become plain text.
crossoptim_repository = os.environ.get("CROSSOPTIM_REPOSITORY_URL", "")
# Whether the studies that take a minute or need data are run for their pictures: -D crossoptim_slow=1.
crossoptim_slow = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
smartquotes_action = "q"  # -- begins an option
copybutton_prompt_text = r"\$ |> "
copybutton_prompt_is_regexp = True

# What a text names must be there. Of types in signatures, those of other packages and of our inner modules are not on this site.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!crossoptim\.).*"), (r"py:class", r"crossoptim\.(check|golden|runners|spec|testing)\..+")]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_use_ivar = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
add_module_names = False

html_theme = "furo"
html_title = f"crossoptim {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_search_summary = False  # a browser does not read them from files
html_show_sourcelink = False
html_show_sphinx = False
