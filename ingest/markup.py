"""Take the mark-up out of a shop's texts."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_SPACE = re.compile(r"\s+")
_TAG = re.compile(r"<[a-zA-Z/!]")


class _Words(HTMLParser):
    """Collects the words of a fragment of HTML."""

    _SILENT = frozenset({"script", "style"})
    _BLOCK = frozenset({"br", "p", "div", "li", "ul", "ol", "tr", "td", "h1", "h2", "h3", "h4"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in self._SILENT
        if tag in self._BLOCK:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SILENT:
            self._silent = max(0, self._silent - 1)
        if tag in self._BLOCK:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def plain(value: str) -> str:
    """Take the mark-up out of a shop's text: tags, scripts, entities, runs of white space.

    Examples
    --------
    >>> plain("<div>Box of 50<br/>cards &amp; envelopes</div>")
    'Box of 50 cards & envelopes'
    """
    if _TAG.search(value):
        parser = _Words()
        parser.feed(value)
        parser.close()
        value = "".join(parser.parts)
    elif "&" in value:
        value = html.unescape(value)
    return _SPACE.sub(" ", value).strip()
