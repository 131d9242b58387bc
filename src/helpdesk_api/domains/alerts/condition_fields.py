"""What conditions may ask of an alert: its own words, and its labels by name."""

from typing import Any, Final

from helpdesk_api.conditions.registry import FieldSpec, FieldType, Subject
from helpdesk_api.domains.alerts.enums import AlertSeverity


def _nowhere() -> Any:
    message = "alerts are matched as they arrive, not by the database"
    raise NotImplementedError(message)


def _label(name: str) -> FieldSpec:
    return FieldSpec(name, FieldType.TEXT, _nowhere, lambda fact: fact.folded_labels.get(name))


ALERT: Final = Subject.of(
    "alert",
    [
        FieldSpec(
            "severity",
            FieldType.ENUM,
            _nowhere,
            lambda fact: fact.severity,
            enum=AlertSeverity,
            is_ordered=True,
        ),
        FieldSpec("summary", FieldType.TEXT, _nowhere, lambda fact: fact.summary),
        FieldSpec("source", FieldType.TEXT, _nowhere, lambda fact: fact.source),
    ],
    custom=_label,
)
