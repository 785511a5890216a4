"""The studies' pictures and tables, beside the lines of ``docs/studies.md`` that name them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from crossoptim.check.reports.markdown import escape, table
from crossoptim.errors import CrossoptimError
from crossoptim.studies import all_studies, draw
from crossoptim.studies.descend import asked, descents
from crossoptim.studies.model import Experiment, Table
from crossoptim.studies.outcome import Outcome
from crossoptim_docs.markup import dropdown
from crossoptim_docs.writing import GENERATED, Page

_FOLDER = "studies"
_COMMAND = re.compile(r"^`crossoptim study ([a-z-]+)`$", re.MULTILINE)


def pages(slow: bool) -> Iterator[Page]:
    """For each study its pictures, and a text that shows them with the tables."""
    for name, study in all_studies().items():
        text = f"(Not run for this site, since it takes long: `crossoptim study {name} --out pictures` makes tables and pictures.)"
        if slow or not study.partial:
            try:
                found = _found(study)
                yield from (Page(f"{_FOLDER}/{key}.svg", draw.svg(picture, found.shown)) for key, picture in study.pictures.items())
                text = _shown(found)
            except CrossoptimError as lack:
                text = f"(Not run for this site: {escape(str(lack))}.)"
        yield Page(f"{_FOLDER}/{name}.txt", text)


def _found(study: Experiment[Any, Any]) -> Outcome:
    study.search(lambda _: None)
    lacks: dict[str, str] | None = {} if study.partial else None
    return Outcome(study, descents(study, asked(None, study), lacks=lacks), lacks or {})


def _shown(found: Outcome) -> str:
    """The pictures, and the tables folded away."""
    study = found.study
    pictures = [f"![{escape(study.title)}]({GENERATED}/{_FOLDER}/{picture}.svg)" for picture in study.pictures]
    tables = [f"{escape(each.title)}\n\n{_table(each)}" for each in found.tables if each.rows]
    return "\n\n".join([*pictures, dropdown("What it prints", "\n\n".join(tables))])


def _table(printed: Table) -> str:
    rows = printed.texts()
    return table([escape(key) for key in rows[0]], [[escape(cell) for cell in row.values()] for row in rows])


def with_pictures(app: Sphinx, docname: str, source: list[str]) -> None:
    """Below the line that names a study's command, on the page of all, put what the study shows."""
    folder = Path(app.srcdir) / GENERATED / _FOLDER
    if docname == "studies":
        source[0] = _COMMAND.sub(lambda found: f"{found[0]}\n\n{_told(folder / f'{found[1]}.txt')}", source[0])


def _told(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
