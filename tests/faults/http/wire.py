"""HTTP/1.1 on a stream: heads, and bodies by each of the three framings, passed on piece by piece."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

LINE = 1 << 20
PIECE = 1 << 16
Body = AsyncIterator[bytes]


@dataclass
class Head:
    """The first line and the headers of a request or an answer."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """The header's value, None without one; names are the same in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def set(self, name: str, value: str | None) -> None:
        """Put a header in the place of all of that name; None: remove it."""
        self.headers = [(key, old) for key, old in self.headers if key.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))

    def encode(self) -> bytes:
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @property
    def chunked(self) -> bool:
        return "chunked" in (self.get("Transfer-Encoding") or "").lower()

    @property
    def length(self) -> int | None:
        value = self.get("Content-Length")
        return int(value) if value is not None else None

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.start.split(" ", 2)[1])

    @property
    def method(self) -> str:
        """Of a request."""
        return self.start.split(" ", 1)[0]


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; None when the other side has nothing more to say.

    Raises:
        ConnectionError: it ended in the middle.
    """
    lines: list[str] = []
    while True:
        line = (await reader.readline()).decode("latin-1")
        if not line.endswith("\n"):
            if line or lines:
                raise ConnectionError("the connection ended in a head")
            return None
        text = line.rstrip("\r\n")
        if text:
            lines.append(text)
        elif lines:
            break
    pairs = [line.partition(":") for line in lines[1:]]
    return Head(lines[0], [(name, value.strip()) for name, _, value in pairs])


async def read_body(reader: asyncio.StreamReader, head: Head, *, bodiless: bool, until_close: bool) -> Body:
    """The data of a body. Without a length it is empty, or goes on `until_close`.

    Raises:
        ConnectionError: it ended early.
    """
    if bodiless:
        return
    if head.chunked:
        while size := int((await reader.readline()).split(b";")[0] or b"0", 16):
            async for piece in _exactly(reader, size):
                yield piece
            await reader.readline()
        while (await reader.readline()).strip():
            continue  # trailers
    elif head.length is not None:
        async for piece in _exactly(reader, head.length):
            yield piece
    elif until_close:
        while piece := await reader.read(PIECE):
            yield piece


async def _exactly(reader: asyncio.StreamReader, size: int) -> Body:
    while size:
        piece = await reader.read(min(size, PIECE))
        if not piece:
            raise ConnectionError(f"the connection ended {size} bytes early")
        size -= len(piece)
        yield piece


async def write_body(writer: asyncio.StreamWriter, head: Head, body: Body) -> int:
    """Send a body as its head says it is framed; the number of bytes."""
    sent = 0
    async for piece in body:
        if piece:
            sent += len(piece)
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if head.chunked else piece)
            await writer.drain()
    if head.chunked:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return sent


async def whole(body: Body) -> bytes:
    """All of a body."""
    return b"".join([piece async for piece in body])


async def of(data: bytes) -> Body:
    """A body out of bytes."""
    yield data
