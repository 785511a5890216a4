"""What ``crossoptim diagnose`` tells of one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from crossoptim.check.diagnosis.diagnose import Diagnosis


@dataclass(frozen=True)
class Diagnosed:
    """The diagnosis of one run."""

    case: str
    implementation: str
    version: str
    mode: str
    diagnosis: Diagnosis

    def as_json(self) -> dict[str, Any]:
        """As data."""
        found = self.diagnosis
        return {
            "case": self.case,
            "implementation": self.implementation,
            "version": self.version,
            "mode": self.mode,
            "verdict": found.judgement.verdict,
            "reason": found.judgement.reason,
            "quirks": list(found.judgement.quirks),
            "tried": found.tried,
            "complete": found.complete,
            "explanations": [{"sentence": e.sentence, "before": list(e.before), "after": list(e.after)} for e in found.explanations],
        }

    def print(self, out: Console) -> None:
        """What was found: where it differs, then what explains it, with the equation before and after."""
        found, judgement = self.diagnosis, self.diagnosis.judgement
        out.print(Text.assemble((f"{self.implementation} {self.version}, {self.case}, {self.mode}", "bold"), f": {judgement.verdict}"))
        if judgement.reason:
            out.print(Padding.indent(Text(judgement.reason), 2))
        for quirk in judgement.quirks:
            out.print(Padding.indent(Text(quirk, "yellow"), 2))
        if judgement.verdict == "diverges" and not found.explanations:
            out.print(Padding.indent(Text(found.sentence()), 2))
        for explanation in found.explanations:
            out.print(Padding.indent(Text.assemble(("it matches if ", "bold"), explanation.sentence), 2))
            for sign, lines, style in (("-", explanation.before, "red"), ("+", explanation.after, "green")):
                for line in lines:
                    out.print(Padding.indent(Text(f"{sign} {line}", style), 4))
