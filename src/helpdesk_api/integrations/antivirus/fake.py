"""A scanner that finds what it is told to."""

from collections.abc import AsyncIterator

from helpdesk_api.integrations.antivirus.protocol import NotScanned, Verdict


class FakeScanner:
    """Finds `marker` anywhere in the content; `refusals` are raised first, one per scan."""

    def __init__(self, *, marker: bytes = b"EVIL", refusals: int = 0) -> None:
        self.marker = marker
        self.refusals = refusals
        self.scanned = 0

    async def scan(self, content: AsyncIterator[bytes]) -> Verdict:
        whole = b"".join([chunk async for chunk in content])
        if self.refusals:
            self.refusals -= 1
            message = "told to refuse"
            raise NotScanned(message)
        self.scanned += 1
        return Verdict("Fake.Marker" if self.marker in whole else None)

    async def ping(self) -> str:
        return "FakeScanner"
