"""The words of articles."""

from enum import StrEnum


class ArticleStatus(StrEnum):
    """Where the newest version stands; readers keep the published one meanwhile. Treat an unknown value as `draft`."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class ArticleAudience(StrEnum):
    """Whom it is for: everybody, everybody with an account, the staff, or some teams of theirs."""

    PUBLIC = "public"
    REQUESTERS = "requesters"
    AGENTS = "agents"
    TEAMS = "teams"


class ArticleAction(StrEnum):
    """What can be done with an article."""

    UPDATE = "update"
    SUBMIT = "submit"
    APPROVE = "approve"
    REJECT = "reject"
    PUBLISH = "publish"
    ARCHIVE = "archive"
    RESTORE = "restore"
    REVIEW = "review"


class ArticleRefusal(StrEnum):
    """Why an action is not allowed now."""

    SCOPE_MISSING = "scope_missing"
    NOT_PERMITTED = "not_permitted"
    APPROVAL_NEEDED = "approval_needed"
    WRONG_STATUS = "wrong_status"


class ArticleLanguage(StrEnum):
    """Languages of articles, as BCP 47 tags."""

    AR = "ar"
    CS = "cs"
    DA = "da"
    DE = "de"
    EL = "el"
    EN = "en"
    ES = "es"
    FI = "fi"
    FR = "fr"
    HU = "hu"
    IT = "it"
    JA = "ja"
    KO = "ko"
    NB = "nb"
    NL = "nl"
    PL = "pl"
    PT = "pt"
    PT_BR = "pt-BR"
    RO = "ro"
    RU = "ru"
    SV = "sv"
    TR = "tr"
    UK = "uk"
    ZH = "zh"
