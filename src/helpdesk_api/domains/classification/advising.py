"""What the model says of a ticket that is being opened. It reads in a thread, and is never in the way."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.ids import parse_id
from helpdesk_api.domains.assignments.advice import Advice, Opinion
from helpdesk_api.domains.assignments.enums import DecisionStep
from helpdesk_api.domains.categories.enums import Priority, TicketType
from helpdesk_api.domains.classification.enums import ClassifiedField
from helpdesk_api.domains.classification.languages import can_detect, detect
from helpdesk_api.domains.classification.patience import in_thread
from helpdesk_api.domains.classification.state import State, model_within, state_within

if TYPE_CHECKING:
    from helpdesk_api.domains.classification.model import Guess, LearnedModel, Prediction

logger = structlog.get_logger(__name__)
KEPT: Final = "classification"
"""Where the guesses are in the internal data of `ticket.created`."""
_DIGITS: Final = 4


async def advise(session: AsyncSession, ticket: Any) -> Advice:
    """Its language, a guess for each field that the model knows, and opinions where it is sure enough."""
    state = await state_within(session)
    held = await model_within(session, state)
    if held is None and not can_detect():
        return Advice()
    number, model = held if held is not None else (0, None)
    language, prediction = await in_thread(_read, model, ticket.subject, ticket.description) or (None, None)
    facts = {"language": language}
    if prediction is None:
        return Advice(facts=facts)
    return Advice(_opinions(state, prediction), _kept(number, state, prediction), facts)


def _read(model: "LearnedModel | None", subject: str, description: str) -> "tuple[str | None, Prediction | None]":
    """In one thread, for one hop costs more than a short text."""
    try:
        language = detect(f"{subject}\n{description}")
    # A library that fails says nothing; the ticket is opened.
    except Exception:
        logger.exception("language_not_detected")
        language = None
    return language, model.predict(subject, description) if model is not None else None


def _opinions(state: State, prediction: "Prediction") -> Mapping[DecisionStep, Opinion]:
    found: dict[DecisionStep, Opinion] = {}
    for one in ClassifiedField:
        guess, threshold = prediction.guesses.get(one.value), state.thresholds.get(one)
        if guess is None or threshold is None or guess.confidence < threshold:
            continue
        value = _value(one, guess.value)
        if one is not ClassifiedField.TEAM or value in state.team_ids:
            found[DecisionStep(one.value)] = Opinion(value, _reason(guess))
    return found


def _value(one: ClassifiedField, text: str) -> Any:
    match one:
        case ClassifiedField.TYPE:
            return TicketType(text)
        case ClassifiedField.PRIORITY:
            return Priority(text)
        case ClassifiedField.CATEGORY:
            return parse_id("cat", text)
        case ClassifiedField.TEAM:
            return parse_id("tea", text)


def _reason(guess: "Guess") -> str:
    words = ", ".join(f"“{word}”" for word in guess.words)
    return f"The learned model is {_percent(guess.confidence)} sure{f', by the words {words}' if words else ''}."


def _percent(confidence: float) -> str:
    # Nothing that was learned is certain.
    return f"{min(int(confidence * 100), 99)} %"


def _kept(number: int, state: State, prediction: "Prediction") -> dict[str, Any]:
    fields = {
        name: {
            "value": guess.value,
            "confidence": guess.confidence,
            "threshold": state.thresholds.get(ClassifiedField(name)),
            "words": list(guess.words),
            "alternatives": [[value, round(chance, _DIGITS)] for value, chance in guess.alternatives],
        }
        for name, guess in prediction.guesses.items()
    }
    shown = [f"{name}: {guess.value} ({_percent(guess.confidence)})" for name, guess in prediction.guesses.items()]
    return {
        KEPT: {"model": number, "fields": fields, "nearest": [list(pair) for pair in prediction.nearest]},
        # The history shows what is flat; the tickets that are most alike are not everybody's.
        "model_number": number,
        "guesses": shown,
    }
