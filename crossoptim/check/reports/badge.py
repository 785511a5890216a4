"""Badges as SVG: a grey label, a coloured message. The same bytes on every machine, whatever fonts are there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from crossoptim.check.groups import by_implementation
from crossoptim.check.result import Result, plural
from crossoptim.check.verdict import UNJUDGED

GOOD, BAD, NOTHING, LABEL = "#2e7d32", "#c62828", "#616161", "#424242"
"""White text on each of them has a contrast of at least 5."""
_HEIGHT, _PAD, _BASE = 20, 6, 14
_WIDTHS = {4: "!'()*,-./:;I[]`fijlrt|", 5: ' "Jcskvxyz{}', 9: "&@ABCDGHKMNOQRUVWXmw%", 10: "—…"}  # about those of Verdana, 11 px
_WIDTH = {character: width for width, characters in _WIDTHS.items() for character in characters}
_USUAL = 7


def status(results: Sequence[Result], label: str = "crossoptim") -> str:
    """The badge of a check: ``crossoptim | 120 results, 0 unexpected``; grey where nothing was judged."""
    unexpected = sum(not r.judgement.expected for r in results)
    judged = any(r.judgement.verdict not in UNJUDGED for r in results)
    message = f"{plural(len(results), 'result')}, {unexpected} unexpected" if judged else "nothing judged"
    return badge(label, message, BAD if unexpected else GOOD if judged else NOTHING)


def badges(results: Sequence[Result], name: str, titles: Mapping[str, str]) -> dict[str, str]:
    """File name → badge: one of the whole check, or, where the name has ``{}``, one an implementation, labelled with its title."""
    if "{}" not in name:
        return {name: status(results)}
    each = by_implementation(results)
    return {name.replace("{}", re.sub(r"[^\w.-]", "-", key)): status(mine, titles.get(key, key)) for key, mine in each.items()}


def badge(label: str, message: str, colour: str) -> str:
    """A flat badge; ``textLength`` gives each text the width that was reserved for it."""
    left, right = _width(label), _width(message)
    width = left + right + 4 * _PAD
    title = escape(f"{label}: {message}")
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" role="img" aria-label="{title}">
<title>{title}</title>
<clipPath id="round"><rect width="{width}" height="{_HEIGHT}" rx="3"/></clipPath>
<g clip-path="url(#round)">
<rect width="{width}" height="{_HEIGHT}" fill="{colour}"/>
<rect width="{left + 2 * _PAD}" height="{_HEIGHT}" fill="{LABEL}"/>
</g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">
{_text(_PAD, label, left)}
{_text(left + 3 * _PAD, message, right)}
</g>
</svg>
"""


def _text(x: int, text: str, width: int) -> str:
    return f'<text x="{x}" y="{_BASE}" textLength="{width}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'


def _width(text: str) -> int:
    """In pixels."""
    return sum(_WIDTH.get(character, _USUAL) for character in text)
