"""Says once, soon after the start, whether Label Studio takes the configured token, and what to do if not."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from imagefaulty.errors import ImageFaultyError, SourceUnreachable
from imagefaulty.labelstudio.media import Access, MediaReader

_log: Final = logging.getLogger(__name__)

_PATIENCE_S: Final = 5.0
# Label Studio needs half a minute to start, and often starts at the same moment.
_PAUSE_S: Final = 10.0
_ATTEMPTS: Final = 30


@dataclass(frozen=True, slots=True)
class TokenState:
    """What is known about the token.

    Attributes:
        ok: Whether Label Studio takes it; None as long as that is not known.
        message: The same in words, with the cure.
    """

    ok: bool | None
    message: str


class TokenCheck:
    """Asks Label Studio in the background; the service starts and works meanwhile.

    Args:
        reader: Asks.
        access: Label Studio's address and the configured token; with either missing there is nothing to check.

    Attributes:
        state: What is known.
    """

    def __init__(self, reader: MediaReader, access: Access) -> None:
        self._reader = reader
        self._access = access
        self.state = TokenState(None, "not checked yet")

    async def run(self) -> None:
        """Check, log the outcome in one line, and go on for some minutes as long as nobody answers."""
        if not self._access.studio.base_url or not self._access.tokens:
            self.state = TokenState(
                None, "LABEL_STUDIO_URL or LABEL_STUDIO_API_KEY is not set; the token of each /setup call is used"
            )
            return
        for attempt in range(_ATTEMPTS):
            state, final = await self._ask()
            if attempt == 0 or final:
                self.state = state
                _log.log(logging.INFO if state.ok else logging.WARNING, "%s", state.message)
            if final:
                return
            await asyncio.sleep(_PAUSE_S)

    async def _ask(self) -> tuple[TokenState, bool]:
        """Return what Label Studio says, and whether that will not change by itself."""
        where = self._access.studio.base_url
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._reader.check(self._access)
        except (SourceUnreachable, TimeoutError) as error:
            reason = str(error) or f"no answer within {_PATIENCE_S:g} s; check the address and the network"
            return TokenState(False, f"Label Studio at {where} cannot be asked about its token yet: {reason}"), False
        except ImageFaultyError as error:
            return TokenState(False, f"images inside Label Studio at {where} cannot be read: {error}"), True
        return TokenState(True, f"Label Studio at {where} takes {self._access.tokens[0].description}"), True
