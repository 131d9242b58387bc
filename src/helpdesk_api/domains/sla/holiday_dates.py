"""Public holidays of countries and their parts, from the `holidays` library, by ISO 3166 codes."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

import holidays
from holidays.utils import list_localized_countries, list_supported_countries

# A version keeps its holidays from ten years back, for imports of the past, to twenty years ahead.
YEARS_BACK, YEARS_AHEAD = 10, 20
# Those that the library writes in several languages are written in this one, too. Left to itself it asks the process's
# locale, and one calendar would have other names on each machine.
_LANGUAGE = "en_US"


@lru_cache(maxsize=1)
def _localized() -> dict[str, list[str]]:
    return list_localized_countries(include_aliases=False)


@lru_cache(maxsize=1)
def _supported() -> dict[str, list[str]]:
    return list_supported_countries(include_aliases=False)


def is_known(country: str, subdivision: str | None) -> bool:
    known = _supported().get(country)
    return known is not None and (subdivision is None or subdivision in known)


def public_holidays(regions: Iterable[tuple[str, str | None]], year: int) -> dict[date, str]:
    """By date, from `YEARS_BACK` before this year to `YEARS_AHEAD` after it; the first region names a shared day."""
    found: dict[date, str] = {}
    years = range(year - YEARS_BACK, year + YEARS_AHEAD + 1)
    for country, subdivision in regions:
        language = _LANGUAGE if country in _localized() else None
        named = holidays.country_holidays(country, subdiv=subdivision, years=years, language=language)
        for day, name in named.items():
            found.setdefault(day, name)
    return dict(sorted(found.items()))
