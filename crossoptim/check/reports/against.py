"""What changed between a recorded release of a library and the one that is installed: verdicts, and bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from crossoptim.check.reports.compare import Change, change, print_alike
from crossoptim.check.result import Result, plural

Outcome = Literal["same bits", "other bits", "changed", "not recorded"]
SCHEMA = "crossoptim/against/1"
_FEW = 5


@dataclass(frozen=True)
class Rerun:
    """One case in one mode, as it was recorded (None where it was not) and as it is now."""

    before: Result | None
    after: Result
    same_bits: bool

    @property
    def change(self) -> Change | None:
        """How the verdict changed, if it did."""
        return change(self.before.as_json() if self.before else None, self.after.as_json())

    @property
    def outcome(self) -> Outcome:
        """How it came out."""
        if self.before is None:
            return "not recorded"
        return "changed" if self.change else "same bits" if self.same_bits else "other bits"

    def as_json(self) -> dict[str, Any]:
        """As data."""
        verdict, found = self.after.judgement.verdict, self.change
        head = {"case": self.after.case, "implementation": self.after.implementation, "mode": self.after.mode, "outcome": self.outcome}
        return head | found.as_json() if found else head | {"before": verdict, "after": verdict}


@dataclass(frozen=True)
class Release:
    """One implementation: who was recorded, who answers now (empty, with the reason ``missing``, where nobody does), and its cases.

    ``recorded`` and ``live`` are answers to ``describe``: version, platform, details.
    """

    implementation: str
    recorded: Mapping[str, Any]
    live: Mapping[str, Any] = field(default_factory=dict)
    runs: Sequence[Rerun] = ()
    missing: str = ""

    @property
    def counts(self) -> dict[Outcome, int]:
        """How often each outcome came."""
        found = Counter(run.outcome for run in self.runs)
        return {outcome: found[outcome] for outcome in ("same bits", "other bits", "changed", "not recorded") if found[outcome]}

    @property
    def changes(self) -> list[Change]:
        """Verdicts that changed."""
        return [run.change for run in self.runs if run.before and run.change]

    @property
    def surroundings(self) -> dict[str, tuple[Any, Any]]:
        """What else differs, then and now: the platform, libtorch, R."""
        then, now = ({"platform": about["platform"], **about.get("details", {})} for about in (self.recorded, self.live))
        return {key: (then.get(key), now.get(key)) for key in {**then, **now} if then.get(key) != now.get(key)}

    def sentence(self) -> str:
        """Who was compared with whom, and how it came out."""
        then, now = self.recorded["version"], self.live.get("version")
        if self.missing:
            return f"{self.implementation}: recorded {then}, nothing to compare it with: {self.missing}"
        versions = f"{then}, recorded and installed (the same version)" if then == now else f"{then} (recorded) → {now} (installed)"
        counts = ", ".join(f"{number} {outcome}" for outcome, number in self.counts.items())
        return f"{self.implementation} {versions}: {plural(len(self.runs), 'run')}{f', {counts}' if counts else ''}"

    def as_json(self) -> dict[str, Any]:
        """As data."""
        out = {"implementation": self.implementation, "recorded": self.recorded["version"], "installed": self.live.get("version", "")}
        if self.missing:
            return {**out, "missing": self.missing}
        changed = {key: list(values) for key, values in self.surroundings.items()}
        mended = sorted({quirk for each in self.changes for quirk in each.mended})
        departed = sorted({quirk for each in self.changes for quirk in each.departed})
        return {**out, "also_changed": changed, "outcomes": self.counts, "mended": mended, "departed": departed}


@dataclass(frozen=True)
class Against:
    """Every implementation that is recorded."""

    releases: Sequence[Release]

    @property
    def changed(self) -> int:
        """How many verdicts changed."""
        return sum(len(release.changes) for release in self.releases)

    def lacking(self, named: Sequence[str] | None) -> bool:
        """Whether nothing answered for an implementation that was named, or for any."""
        missing = [release.implementation for release in self.releases if release.missing]
        return len(missing) == len(self.releases) or bool(set(missing) & set(named or ()))

    def as_json(self) -> dict[str, Any]:
        """As data: a summary an implementation, then each run."""
        runs = [run.as_json() for release in self.releases for run in release.runs]
        return {"schema": SCHEMA, "implementations": [release.as_json() for release in self.releases], "results": runs}

    def print(self, console: Console) -> None:
        """Print each implementation: versions, counts, what changed, where bits differ."""
        for release in self.releases:
            console.print(Text(release.sentence(), "bold"), soft_wrap=True)
            if release.missing:
                continue
            for key, (then, now) in release.surroundings.items():
                console.print(Padding.indent(Text(f"{key}: {then} → {now}", "dim"), 2))
            print_alike(release.changes, console)
            self._print_cases(console, "other bits, the same verdict", release, "other bits")
            self._print_cases(console, "not recorded", release, "not recorded")

    def _print_cases(self, console: Console, title: str, release: Release, outcome: Outcome) -> None:
        found = list(dict.fromkeys(run.after.case for run in release.runs if run.outcome == outcome))
        if found:
            more = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
            console.print(Padding.indent(Text(f"{title}: {', '.join(found[:_FEW])}{more}"), 2))
