"""R's help pages as Markdown: of Rd, what roxygen2 writes from Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from crossoptim.errors import CrossoptimError

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}\[\]%]|[^\\{}\[\]%]+", re.DOTALL)
_SKIPPED = ("alias", "author", "dontshow", "keyword", "docType")
_CODE = ("usage", "examples")
_TITLES = {
    "usage": "Usage", "arguments": "Arguments", "value": "Value", "details": "Details", "seealso": "See also", "examples": "Examples",
}  # fmt: skip


@dataclass
class Topic:
    """A help page: its name, its title, and its sections in Markdown, in their order."""

    name: str = ""
    title: str = ""
    sections: dict[str, str] = field(default_factory=dict)


def topic(text: str, where: str) -> Topic:
    """Read a help page.

    Raises:
        CrossoptimError: for a macro that it does not know.
    """
    return _Reader(text, where).topic()


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, text: str, where: str) -> None:
        uncommented = re.sub(r"(?m)(?<!\\)%.*$", "", text)
        self._tokens: list[str] = _TOKEN.findall(uncommented)
        self._place = 0
        self._where = where

    def topic(self) -> Topic:
        out = Topic()
        for macro in self._macros():
            if macro == "name":
                out.name = self._plain()
            elif macro == "title":
                out.title = self._plain()
            elif macro == "section":
                title = self._plain()
                out.sections[title] = self._group()
            elif macro in _SKIPPED:
                self._plain()
            elif macro == "arguments":
                out.sections[_TITLES[macro]] = self._arguments()
            elif macro in _CODE:
                code = self._code().strip("\n")
                out.sections[_TITLES[macro]] = f"```r\n{code}\n```"
            else:
                out.sections[_TITLES.get(macro, "")] = self._group()
        return out

    def _macros(self) -> Iterator[str]:
        """The macros of one level, up to its end."""
        while self._place < len(self._tokens) and self._tokens[self._place] != "}":
            token = self._take()
            if re.fullmatch(r"\\[A-Za-z]+", token):
                yield token[1:]

    def _take(self) -> str:
        self._place += 1
        return self._tokens[self._place - 1]

    def _open(self) -> None:
        if self._take() != "{":
            raise CrossoptimError(f"{self._where}: {self._tokens[self._place - 1]!r} is out of place (expected an opening brace)")

    def _inside(self) -> Iterator[str]:
        """The tokens of a group, up to the brace that closes it; inner groups are the reader's."""
        self._open()
        while (token := self._take()) != "}":
            yield token

    def _plain(self) -> str:
        """A group's text without markup."""
        return re.sub(r"\s+", " ", "".join(self._literal(token) for token in self._inside())).strip()

    def _literal(self, token: str) -> str:
        if token == "{":
            self._place -= 1
            return "{" + "".join(self._literal(inner) for inner in self._inside()) + "}"
        if re.fullmatch(r"\\[^A-Za-z]", token):
            return token[1:]
        if token == r"\dots":
            return "..."
        if token in (r"\method", r"\S3method"):
            generic, of = self._plain(), self._plain()
            return f"## S3 method for class '{of}'\n{generic}"
        if token == r"\dontshow":
            self._plain()
            return ""
        if token.startswith("\\"):
            self._skip_brackets()
            return self._plain()
        return token

    def _code(self) -> str:
        return "".join(self._literal(token) for token in self._inside())

    def _skip_brackets(self) -> None:
        """Pass over where a link leads, which stands in brackets."""
        if self._tokens[self._place] == "[":
            while self._take() != "]":
                pass

    def _arguments(self) -> str:
        items = []
        for token in self._inside():
            if token == r"\item":
                name, told = self._plain(), self._group()
                items.append(f"- `{name}`: {told}".replace("\n", "\n  "))
        return "\n".join(items)

    def _group(self) -> str:
        """A group's text as Markdown."""
        return "".join(self._marked(token) for token in self._inside()).strip()

    def _marked(self, token: str) -> str:
        match token:
            case r"\code" | r"\verb":
                return self._as_code()
            case r"\link":
                self._skip_brackets()
                return self._as_code()
            case r"\emph":
                return f"*{self._group()}*"
            case r"\strong":
                return f"**{self._group()}**"
            case r"\email":
                return self._plain()
            case r"\itemize":
                return "\n" + "".join(self._item(inner) for inner in self._inside()) + "\n"
            case r"\dots":
                return "..."
        if re.fullmatch(r"\\[^A-Za-z]", token):
            return token[1:]
        if token.startswith("\\"):
            raise CrossoptimError(f"{self._where}: no such macro here: {token}")
        return re.sub(r"([*_<])", r"\\\1", token)

    def _item(self, token: str) -> str:
        if token == r"\item":
            return "\n- "
        return self._marked(token).replace("\n", " ") if token.strip() else ""

    def _as_code(self) -> str:
        """Code, of which a link inside is only its text."""
        text = self._plain()
        return f"`` {text} ``" if "`" in text else f"`{text}`"
