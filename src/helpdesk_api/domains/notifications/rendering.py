"""From a template and facts to subject, text and HTML, in the language of whoever reads it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from helpdesk_api.domains.notifications.enums import MailTemplate

FALLBACK_LANGUAGE = "en"
LANGUAGES = ("en", "de")
SUBJECT_LIMIT = 240
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# What begins like an encoded word (RFC 2047), which mail programs would decode.
_ENCODED_WORD = re.compile(r"=(?=\?[^?]*\?[bq]\?)", re.IGNORECASE)
_DATE_FORMATS = {"en": "%d %B %Y", "de": "%d.%m.%Y"}


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What somebody wrote: as text, and as HTML that was sanitised when it was written."""

    text: str
    html: str

    @classmethod
    def plain(cls, text: str) -> "Quote":
        return cls(text, str(_paragraphs(text)))


def language_of(locale: str | None) -> str:
    """`de-AT` reads German; whom we have no language for reads English."""
    language = (locale or FALLBACK_LANGUAGE).replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else FALLBACK_LANGUAGE


def one_line(text: str, limit: int = SUBJECT_LIMIT) -> str:
    """Fit for a header: no line break or other control character can get into one, nor what would be read as one."""
    line = _ENCODED_WORD.sub("= ", " ".join(_CONTROL.sub(" ", text).split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def day_text(instant: datetime, language: str, zone: str | None) -> str:
    """The reader's calendar day."""
    local = instant.astimezone(ZoneInfo(zone) if zone else None)
    if language == FALLBACK_LANGUAGE:
        return f"{local.day} {local:%B %Y}"
    return local.strftime(_DATE_FORMATS[language])


def moment_text(instant: datetime, language: str, zone: str | None) -> str:
    """The reader's day and time of day."""
    local = instant.astimezone(ZoneInfo(zone) if zone else None)
    return f"{day_text(instant, language, zone)} {local:%H:%M}"


def render(
    template: MailTemplate,
    language: str,
    facts: Mapping[str, Any],
    *,
    quote: Quote | None,
    link: str | None,
) -> Rendered:
    """`facts` are plain texts; an unknown one in a template is an error, never a gap in a mail."""
    words = _words(language)
    part = words[template.value]
    facts = {**facts, "quote": quote is not None}
    if "priority" in facts:
        facts["priority"] = words["priorities"][facts["priority"]]
    if "metric" in facts:
        facts["metric"] = words["metrics"][facts["metric"]]
    subject = one_line(_text(part.get("subject", words["ticket_subject"]), facts))
    link_label = part.get("link", words["ticket_link"]) if link is not None else ""
    blocks = {
        "greeting": words["greeting"],
        "intro": part["intro"],
        "outro": part.get("outro", ""),
        "link_label": link_label,
        "signature": words["signature"],
    }
    said = {name: _text(source, facts) for name, source in blocks.items()}
    shared = {**said, "subject": subject, "language": language, "link": link}
    return Rendered(
        subject,
        _layout("txt").render(**shared, quote=quote.text if quote else None),
        _layout("html").render(**shared, quote=Markup(quote.html) if quote else None),  # noqa: S704 - sanitised
    )


def _paragraphs(text: str) -> Markup:
    return Markup("<br>").join(escape(line) for line in text.splitlines())


@cache
def _environment(kind: str) -> Environment:
    escaping = kind == "html"
    environment = Environment(autoescape=escaping, undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701 - texts are no HTML
    environment.filters["paragraphs"] = _paragraphs
    return environment


@cache
def _layout(kind: str) -> Template:
    source = resources.files(__package__).joinpath("templates", f"layout.{kind}").read_text("utf-8")
    return _environment(kind).from_string(source)


@cache
def _words(language: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("templates", f"{language}.toml").read_text("utf-8"))


@cache
def _template(source: str) -> Template:
    # Text alone: the HTML layout escapes what comes out of it.
    return _environment("txt").from_string(source)


def _text(source: str, facts: Mapping[str, Any]) -> str:
    return _template(source).render(**facts).strip()
