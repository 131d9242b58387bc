"""A model out of tickets, measured on those that were held back, and held against the one in use."""

import base64
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from helpdesk_api.domains.classification import files
from helpdesk_api.domains.classification.forgetting import without_unsaid
from helpdesk_api.domains.classification.learning import NothingToLearn, fit
from helpdesk_api.domains.classification.measures import Outcome, measure
from helpdesk_api.domains.classification.model import LearnedModel
from helpdesk_api.domains.classification.packing import UnusableModel
from helpdesk_api.domains.classification.rules import Example

# Of the tickets that were held back, so many of the newest.
MEASURED_ON: Final = 2_000
FEWEST_MEASURED: Final = 10


def learn(header: Mapping[str, Any], examples: Sequence[Example]) -> tuple[dict[str, Any], bytes]:
    """A report, and the model if it is to replace the one in use: a better one, or the same that has forgotten."""
    training = [one for one in examples if not one.is_held_back]
    held_back = [one for one in examples if one.is_held_back][-MEASURED_ON:]
    report: dict[str, Any] = {"trained_on": len(training), "measured_on": len(held_back), "fields": {}}
    try:
        model = fit(training, header["fields"])
    except NothingToLearn:
        return {**report, "outcome": "nothing_to_learn"}, b""
    outcomes = _outcomes(model, held_back)
    old = _old_model(header)
    forgetful = without_unsaid(old, examples) if old is not None else None
    before = _outcomes(forgetful or old, held_back) if old is not None else {}
    for head in model.heads:
        counts = Counter(one.labels[head.field] for one in training if head.field in one.labels)
        report["fields"][head.field] = {
            "values": len(head.values),
            "trained_on": sum(counts.values()),
            "shares": dict(counts.most_common(200)),
            **asdict(measure(outcomes[head.field], header["thresholds"].get(head.field))),
        }
    scores, scores_before = _scores(outcomes), _scores(before)
    compared = scores.keys() & scores_before.keys() if scores_before else scores.keys()
    report |= {"score": _mean(scores, compared), "score_before": _mean(scores_before, compared)}
    if not _is_better(scores, scores_before):
        content = files.to_bytes(forgetful) if forgetful is not None else b""
        return {**report, "outcome": "not_better", "sha256": files.checksum(content)}, content
    content = files.to_bytes(model)
    return {**report, "outcome": "activated", "sha256": files.checksum(content)}, content


def _old_model(header: Mapping[str, Any]) -> LearnedModel | None:
    """One that cannot be read is no rival."""
    if header.get("old") is None:
        return None
    try:
        return files.from_bytes(base64.b64decode(header["old"]), header["old_sha256"])
    except UnusableModel:
        return None


def _outcomes(model: LearnedModel, held_back: Iterable[Example]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {head.field: [] for head in model.heads}
    for one in held_back:
        guesses = model.predict(one.subject, one.description).guesses
        for field, guess in guesses.items():
            if field in one.labels:
                found[field].append(Outcome(guess.value, one.labels[field], guess.confidence))
    return found


def _scores(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, float]:
    """Accuracy and macro-F1 in equal parts, of each field with enough to measure."""
    scores = {}
    for field, one in outcomes.items():
        if len(one) >= FEWEST_MEASURED:
            found = measure(one, None)
            scores[field] = ((found.accuracy or 0.0) + (found.macro_f1 or 0.0)) / 2
    return scores


def _is_better(new: Mapping[str, float], old: Mapping[str, float]) -> bool:
    """Over the fields that both know. Where they are equal there, one field more is a gain, if none is lost for it; a
    field that only the old one knows speaks for nobody."""
    if not old:
        return True
    both = new.keys() & old.keys()
    after, before = (sum(scores[field] for field in both) for scores in (new, old))
    return after > before or (after == before and new.keys() > old.keys())


def _mean(scores: Mapping[str, float], fields: Collection[str]) -> float | None:
    found = [scores[field] for field in fields if field in scores]
    return sum(found) / len(found) if found else None
