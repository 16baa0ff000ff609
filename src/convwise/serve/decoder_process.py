"""One decoder as the server sees it: a question at a time, an answer, or an end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

from convwise.errors import RunError
from convwise.serve.frames import LENGTH, MOST_TEXT, pack, unpack
from convwise.serve.limits import Limits

START_SECONDS = 30.0
# One thread each: several decoders are what uses several cores.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_BUFFER = 4 << 20


class DecoderEnded(Exception):  # noqa: N818 - it may do so
    """A decoder died or was ended.

    Args:
        reason: in words, for whoever sent the picture that it worked on.
        slow: whether it was ended for taking too long.
        other: whether it worked on something else at that time.
    """

    def __init__(self, reason: str, *, slow: bool = False, other: bool = False) -> None:
        self.reason, self.slow, self.other = reason, slow, other
        super().__init__(reason)


class DecoderProcess:
    """A running decoder. Several may ask; they are answered in the order in which they asked."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._to, self._from = process, process.stdin, process.stdout
        self._turn = asyncio.Lock()
        self.ended = False

    @classmethod
    async def start(cls, limits: Limits) -> DecoderProcess:
        """Start one and wait until it is ready.

        Raises:
            RunError: it does not start.
        """
        # -P: what lies in the current folder is not imported.
        command = [sys.executable, "-P", "-m", "convwise.serve.decoder", str(limits.decoder_bytes)]
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, limit=_BUFFER, env=os.environ | _ONE_THREAD
            )
        except OSError as error:
            raise RunError(f"a decoder cannot be started ({error.strerror})") from None
        decoder = cls(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                await decoder._text()
        except (TimeoutError, ValueError, asyncio.IncompleteReadError):
            await decoder.kill()
            raise RunError("a decoder ends before it is ready; see standard error") from None
        return decoder

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    async def ask(
        self, told: dict[str, Any], contents: list[bytes], *, size: int, seconds: float
    ) -> tuple[list[str | None], bytes]:
        """Let it decode files.

        Args:
            told: the format and limits.
            contents: of the files.
            size: bytes of one decoded picture.
            seconds: it is ended when it takes longer.

        Returns:
            Reasons, None for each that was decoded, and the pixels of those, one after another.

        Raises:
            DecoderEnded: it ended, or it was ended.
        """
        # Written and queued without a pause in between, so that turns come in the order of writing.
        # What waits in the pipe is bounded by what the server accepts at all.
        self._to.write(pack(told | {"sizes": [len(each) for each in contents]}, contents))
        async with self._turn:
            if self.ended:
                raise DecoderEnded("the decoder ended", other=True)
            try:
                async with asyncio.timeout(seconds):
                    reasons = (await self._text())["reasons"]
                    if len(reasons) != len(contents):
                        raise ValueError("answers for other files")
                    return reasons, await self._from.readexactly(size * reasons.count(None))
            except TimeoutError:
                end = DecoderEnded(f"decoding took longer than {seconds:g} s", slow=True)
            except (asyncio.IncompleteReadError, OSError, ValueError, KeyError, TypeError):
                end = DecoderEnded("the picture ends the decoder")
            await self.kill()
            raise end

    async def kill(self) -> None:
        """End it now."""
        self.ended = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._to.close()

    async def _text(self) -> dict[str, Any]:
        length: int = LENGTH.unpack(await self._from.readexactly(LENGTH.size))[0]
        if length > MOST_TEXT:
            raise ValueError("a frame is too long")
        return unpack(await self._from.readexactly(length))
