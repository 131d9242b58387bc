"""Bodies of classification. Shares and confidences lie between 0 and 1."""

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from helpdesk_api.database.ids import TicketId
from helpdesk_api.domains.classification.enums import (
    ClassificationEngine,
    ClassifiedField,
    EngineReason,
    GuessOutcome,
    TrainingOutcome,
)
from helpdesk_api.domains.tickets.schemas import LanguageCode
from helpdesk_api.web.schemas import Instant, RequestModel, ResponseModel, as_number

MAX_CONFUSIONS = 20
MAX_TRAININGS = 20
MONTHS = 12
Share = Annotated[float, Field(ge=0, le=1)]
Threshold = Annotated[float, Field(ge=0.5, le=1), BeforeValidator(as_number)]
ValueText = Annotated[
    str,
    Field(
        max_length=40,
        pattern=r"^[a-z_]+(_[0-9a-f]{32})?$",
        description="A type or priority, or the id of a category or team.",
        examples=["cat_0190a6f3e1d87c3aa1b2c3d4e5f60718"],
    ),
]
WordText = Annotated[str, Field(max_length=81)]


class Thresholds(ResponseModel):
    """The confidence from which on a field is decided; below it, or without one, it is suggested."""

    type: Share | None
    category: Share | None
    priority: Share | None
    team: Share | None


class ClassificationSettingsRead(Thresholds):
    """Who is sure enough to decide; the same for all new tickets."""

    model_config = ConfigDict(title="ClassificationSettings")

    updated_at: Instant | None = Field(description="Null as long as nobody changed anything.")


class ClassificationSettingsUpdate(RequestModel):
    """All of them at once: null only suggests."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": 0.95, "category": 0.8, "priority": 0.9, "team": 0.85}]}
    )

    type: Threshold | None = Field(description="Required; null only suggests.")
    category: Threshold | None = Field(description="As `type`.")
    priority: Threshold | None = Field(description="As `type`.")
    team: Threshold | None = Field(description="As `type`.")


class LearnedField(ResponseModel):
    """How a model did in one field, on tickets that no training sees; null where there were none."""

    field: ClassifiedField
    values: int = Field(ge=0, description="How many different ones it knows.")
    trained_on: int = Field(ge=0, description="Tickets.")
    measured_on: int = Field(ge=0, description="Tickets.")
    accuracy: Share | None
    macro_f1: Share | None = Field(description="The mean over all values, however rare.")
    calibration_error: Share | None = Field(description="Expected: how far confidence and accuracy lie apart.")
    coverage: Share | None = Field(description="The share at or above the threshold of that day.")
    covered_accuracy: Share | None


class TrainingRead(ResponseModel):
    """One training, and whether its model took over."""

    model_config = ConfigDict(title="ClassificationTraining")

    number: int = Field(ge=1)
    outcome: TrainingOutcome
    is_active: bool
    trained_at: Instant
    trained_on: int = Field(ge=0, description="Tickets.")
    measured_on: int = Field(ge=0, description="Tickets; the newest of those that are held back.")
    fields: list[LearnedField] = Field(max_length=4)


class ClassificationRead(ResponseModel):
    """What sorts new tickets here besides those who open them."""

    model_config = ConfigDict(title="Classification")

    engine: ClassificationEngine
    reason: EngineReason | None = Field(description="Why there are keyword rules only; null with a model.")
    problem: str | None = Field(max_length=500, description="Why the model's file is not used; else null.")
    detects_languages: bool
    training: TrainingRead | None = Field(description="That of the model in use.")


class Confusion(ResponseModel):
    """So many times one value was guessed where people left another."""

    guessed: ValueText
    actual: ValueText
    ticket_count: int = Field(ge=1)


class FieldReport(ResponseModel):
    """One field in the last 90 days. Accuracies are of resolved and closed tickets, as people left them."""

    field: ClassifiedField
    threshold: Share | None
    guessed: int = Field(ge=0, description="Tickets, but for those cancelled or merged away since.")
    decided: int = Field(ge=0, description="Tickets of which the model decided it.")
    corrected: int = Field(ge=0, description="Those of these that have another value now.")
    measured: int = Field(ge=0, description="Resolved and closed ones among those guessed.")
    accuracy: Share | None
    macro_f1: Share | None
    calibration_error: Share | None
    coverage: Share | None = Field(description="The share at or above today's threshold.")
    covered_accuracy: Share | None
    drift: Share | None = Field(
        description="How far what was guessed lies from what the model learned: 0 the same shares, 1 nothing in common."
    )
    confusion: list[Confusion] = Field(max_length=MAX_CONFUSIONS, description="Most frequent first.")


class MonthReport(ResponseModel):
    """One field in one month, by when the tickets were opened."""

    month: str = Field(max_length=7, pattern=r"^\d{4}-\d{2}$", description="UTC.", examples=["2026-11"])
    field: ClassifiedField
    guessed: int = Field(ge=0)
    decided: int = Field(ge=0)
    corrected: int = Field(ge=0)
    measured: int = Field(ge=0)
    accuracy: Share | None


class ClassificationReport(ResponseModel):
    """How good the guesses were, as measured by what people left."""

    engine: ClassificationEngine
    reason: EngineReason | None = Field(description="Why there are keyword rules only; null with a model.")
    detects_languages: bool
    since: Instant = Field(description="From when on the fields are counted.")
    fields: list[FieldReport] = Field(max_length=4)
    months: list[MonthReport] = Field(max_length=(MONTHS + 1) * 4, description="The latest first.")
    trainings: list[TrainingRead] = Field(max_length=MAX_TRAININGS, description="The latest first.")


class Alternative(ResponseModel):
    """A value that was less likely."""

    value: ValueText
    confidence: Share


class GuessRead(ResponseModel):
    """What the model thought of one field when the ticket was opened, and what became of it."""

    field: ClassifiedField
    value: ValueText
    confidence: Share
    threshold: Share | None = Field(description="Of that moment.")
    outcome: GuessOutcome
    current: ValueText | None = Field(description="What the ticket has now.")
    words: list[WordText] = Field(max_length=5, description="Those that spoke for it, strongest first.")
    alternatives: list[Alternative] = Field(max_length=3)


class NearTicket(ResponseModel):
    """A ticket much like it, of those that were learned from and the caller may read."""

    ticket_id: TicketId
    reference: str = Field(max_length=24, pattern=r"^(INC|REQ|PRB|CHG)-[0-9]{1,19}$")
    subject: str = Field(max_length=200)
    likeness: Share


class TicketClassificationRead(ResponseModel):
    """What was thought of a ticket at its opening, and why."""

    model_config = ConfigDict(title="TicketClassification")

    ticket_id: TicketId
    language: LanguageCode | None
    model_number: int | None = Field(ge=1, description="Null when no model was there.")
    guesses: list[GuessRead] = Field(max_length=4)
    nearest: list[NearTicket] = Field(max_length=3)
