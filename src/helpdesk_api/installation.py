"""What every process of the product installs before anything else: reactions, registries, secrets, storage."""

from helpdesk_api import wiring
from helpdesk_api.authorization import secret_box
from helpdesk_api.authorization.grants import load_grants_through
from helpdesk_api.config import EmbeddingsChoice, Settings
from helpdesk_api.database.session import Database
from helpdesk_api.domains.assignments.advice import register_adviser
from helpdesk_api.domains.attachments import storing
from helpdesk_api.domains.embeddings.engine import use_embedder
from helpdesk_api.domains.embeddings.jobs import register_embedded
from helpdesk_api.domains.tickets.full_text import register_sources
from helpdesk_api.domains.tickets.highlights import register_excerpts
from helpdesk_api.domains.tickets.includes import register_includes
from helpdesk_api.domains.tickets.ranking import register_ranks
from helpdesk_api.domains.tickets.representation import register_clocks
from helpdesk_api.domains.tickets.words import register_texts
from helpdesk_api.integrations.antivirus.clamd import ClamdScanner
from helpdesk_api.integrations.antivirus.protocol import Scanner
from helpdesk_api.integrations.embeddings.local import SentenceEncoder, is_installed
from helpdesk_api.integrations.embeddings.protocol import Embedder
from helpdesk_api.integrations.storage.objects import FolderStorage, bucket_storage
from helpdesk_api.integrations.storage.protocol import Storage
from helpdesk_api.logs import configure_logging
from helpdesk_api.outbox.record import install_reactions
from helpdesk_api.web import cursors


def install_wiring(settings: Settings) -> None:
    """What every process of the product shares: reactions, grants, secrets."""
    install_reactions(wiring.REACTIONS)
    register_includes(wiring.INCLUDES)
    register_clocks(wiring.TICKET_CLOCKS)
    register_adviser(wiring.ADVISER)
    register_sources(wiring.SEARCH_SOURCES)
    register_texts(wiring.SEARCH_TEXTS)
    register_ranks(wiring.SEARCH_RANKS)
    register_excerpts(wiring.SEARCH_EXCERPTS)
    register_embedded(wiring.EMBEDDED)
    use_embedder(embedding_model(settings))
    load_grants_through(wiring.load_grants)
    cursors.use_secret(settings.secret)
    secret_box.use_secret(settings.secret)
    wiring.configure(settings)
    storing.use_storage(file_storage(settings), virus_scanner(settings))
    configure_logging(settings)


def embedding_model(settings: Settings) -> Embedder | None:
    """The service if one is set, else the installed model; None without either, or where it is switched off."""
    if settings.embeddings is EmbeddingsChoice.OFF:
        return None
    if settings.embeddings_url is not None:
        from helpdesk_api.integrations.embeddings.remote import EmbeddingService  # noqa: PLC0415 - imports httpx

        key = settings.embeddings_api_key
        return EmbeddingService(
            settings.embeddings_url,
            model=settings.embeddings_model,
            api_key=key.get_secret_value() if key is not None else None,
            timeout_seconds=settings.embeddings_timeout_seconds,
        )
    return SentenceEncoder() if is_installed() else None


def file_storage(settings: Settings) -> Storage:
    """A bucket if one is set, else a folder beside the data."""
    return bucket_storage(settings.storage_url) if settings.storage_url else FolderStorage(settings.files_folder)


def virus_scanner(settings: Settings) -> Scanner | None:
    return ClamdScanner(settings.clamd_address) if settings.clamd_address else None


def open_database(settings: Settings) -> Database:
    return Database(
        settings.database_url_required,
        pool_size=settings.database_pool_size,
        statement_cache=settings.statement_cache,
    )
