"""The report as JUnit XML, which GitHub's actions, GitLab and Jenkins show: a suite an implementation, a test a case and mode.

Valid against both schemas in use: Jenkins's ``junit-10.xsd``, and ``JUnit.xsd`` of Ant's reports. What one of them does not know is not
there: ``error`` elements, output of a single test, totals of all suites.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from crossoptim.check.groups import by_implementation, departures
from crossoptim.check.result import Result, plural
from crossoptim.check.verdict import UNJUDGED

_FORBIDDEN = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 has no way to write
_UNTIMED = "0"


def junit(results: Sequence[Result], when: datetime, properties: Mapping[str, str] | None = None) -> str:
    """The XML document.

    An unexpected verdict is a failure of that type, with the finding, the diagnosis and the end of a traceback; what was not run or is not
    supported is skipped. Times are not measured: they are 0.

    Args:
        results: of all implementations.
        when: the time of the run; both schemas ask for it, to the second.
        properties: of every suite, beside the implementation's version and source.
    """
    root = Element("testsuites")
    for number, (name, mine) in enumerate(by_implementation(results).items()):
        about = {"version": mine[0].version, "source": mine[0].source, **(properties or {})}
        root.append(_suite(name, number, mine, when, about))
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _suite(name: str, number: int, results: Sequence[Result], when: datetime, about: Mapping[str, str]) -> Element:
    tests = [_test(r) for r in results]
    counts = {kind: sum(test.find(kind) is not None for test in tests) for kind in ("failure", "skipped")}
    attributes = {
        "name": name,
        "package": "crossoptim",
        "id": str(number),
        "tests": str(len(tests)),
        "failures": str(counts["failure"]),
        "errors": "0",
        "skipped": str(counts["skipped"]),
        "time": _UNTIMED,
        "timestamp": when.strftime("%Y-%m-%dT%H:%M:%S"),
        "hostname": "localhost",
    }
    suite = Element("testsuite", {key: _legal(value) for key, value in attributes.items()})
    properties = SubElement(suite, "properties")
    for key, value in about.items():
        if value:
            SubElement(properties, "property", {"name": _legal(key), "value": _legal(value)})
    suite.extend(tests)
    seen = [f"{quirk}: {plural(len(where[name]), 'case')}" for quirk, where in departures(results).items()]
    SubElement(suite, "system-out").text = "\n".join(["known departures:", *seen]) if seen else None
    SubElement(suite, "system-err")
    return suite


def _test(result: Result) -> Element:
    j = result.judgement
    test = Element("testcase")
    test.attrib |= {"name": f"{result.case} [{result.mode}]", "classname": _legal(f"{result.implementation}.{result.optimizer}")}
    test.set("time", _UNTIMED)
    if not j.expected:
        said = [text for text in (j.reason, j.diagnosis, j.details) if text]
        failure = SubElement(test, "failure", {"type": j.verdict, "message": _legal(f"{j.verdict}: {j.reason}" if j.reason else j.verdict)})
        failure.text = _legal("\n\n".join(said)) or None
    elif j.verdict in UNJUDGED:
        SubElement(test, "skipped").text = _legal(f"{j.verdict}: {j.reason}")
    return test


def _legal(text: str) -> str:
    """The text, where what XML cannot hold is written as Python escapes it."""
    return _FORBIDDEN.sub(lambda found: ascii(found.group())[1:-1], text.replace("\r\n", "\n"))
