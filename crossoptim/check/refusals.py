"""The judge of invalid input: what a constructor refused and accepted, against the specification or what a quirk makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from crossoptim.check.verdict import Judgement
from crossoptim.golden.refusals.case import RefusalCase
from crossoptim.spec.model import Binding
from crossoptim.spec.refusals import ADMISSIBLE, InputQuirk, Probe

_SHOWN = 3  # probes that a reason names


@dataclass(frozen=True)
class Reaction:
    """What an implementation did with a probe.

    ``message`` of the refusal, or why it could not be tried; ``later``: what two steps of an optimizer that should not be there did.
    """

    outcome: Literal["refused", "accepted", "unsupported"]
    message: str = ""
    later: str = ""


@dataclass(frozen=True)
class Prediction:
    """What is expected of an implementation: its refusal contains ``message``; ``quirk`` says why it departs."""

    refused: bool
    message: str = ""
    quirk: str = ""


Messages = Callable[[Probe], str]


class RefusalJudge:
    """Judges one optimizer's probes.

    Args:
        case: the case.
        binding: the class; None where the specification's own names are spoken.
        quirks: the class's quirks about input.
        messages: what a refusal of a probe says; nothing in particular by default.
    """

    def __init__(
        self, case: RefusalCase, binding: Binding | None = None, quirks: Sequence[InputQuirk] = (), messages: Messages = lambda _: ""
    ) -> None:
        self.case, self.binding, self.quirks, self.messages = case, binding, quirks, messages

    def predict(self, probe: Probe) -> Prediction:
        """What the specification, or the first quirk that applies, expects."""
        refused = probe.kind not in ADMISSIBLE
        departing = (q for q in self.quirks if self.binding and (q.message or refused) and q.covers(probe, self.binding))
        quirk = next(departing, None)
        if quirk is None:
            return Prediction(refused, self.messages(probe) if refused else "")
        return Prediction(bool(quirk.message), quirk.message, quirk.id)

    def judge(self, reactions: Mapping[str, Reaction]) -> Judgement:
        """The verdict on the reactions, by the probes' ids."""
        wrong, mended, departed, judged = [], [], dict[str, list[str]](), 0
        for probe in self.case.probes:
            reaction = reactions.get(probe.id)
            if reaction is None:
                wrong.append(f"{probe.id}: no answer")
                continue
            if reaction.outcome == "unsupported":
                continue
            judged += 1
            expected, refused = self.predict(probe), reaction.outcome == "refused"
            if refused == expected.refused and expected.message in reaction.message:
                if expected.quirk:
                    departed.setdefault(expected.quirk, []).append(probe.id)
            elif expected.quirk and refused == (probe.kind not in ADMISSIBLE):
                mended.append(f"{probe.id}: as specified, although {expected.quirk} predicts otherwise: mended upstream?")
            else:
                wrong.append(_surprise(probe, reaction, expected))
        quirks = tuple(sorted(departed))
        if not judged and not wrong:
            return Judgement("unsupported", True, next(iter(reactions.values())).message)
        if wrong:
            return Judgement("diverges", False, _some(wrong), quirks=quirks)
        if mended:
            return Judgement("documented" if quirks else "exact", False, _some(mended), quirks=quirks)
        if not quirks:
            return Judgement("exact", True)
        names = (f"{', '.join(names)} ({quirk})" for quirk, names in departed.items())
        return Judgement("documented", True, f"otherwise than specified: {'; '.join(names)}", quirks=quirks)


def _surprise(probe: Probe, reaction: Reaction, expected: Prediction) -> str:
    if reaction.outcome == "accepted":
        return f"{probe.id}: accepted, although {probe.refusal or expected.quirk}" + (f" (then {reaction.later})" if reaction.later else "")
    wanted = f"expected a message with {expected.message!r}" if expected.refused else "it is admissible"
    return f"{probe.id}: refused with {reaction.message!r} ({wanted})"


def _some(sentences: Sequence[str]) -> str:
    more = f"; and {len(sentences) - _SHOWN} more" if len(sentences) > _SHOWN else ""
    return "; ".join(sentences[:_SHOWN]) + more
