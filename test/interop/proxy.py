"""A TCP proxy between a client and a gateway, for what happens to connections on real networks."""

import asyncio
from collections.abc import Callable

from background import BackgroundLoop


class Proxy:
    """Passes bytes on both ways. It can be pointed elsewhere, be cut, and go silent."""

    def __init__(self, background: BackgroundLoop, target: str | None):
        self._background = background
        self._target: asyncio.Future[tuple[str, int]] = background.loop.create_future()
        self._links: list[_Link] = []
        self._server = background.run(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.accepted = 0
        """Connections that clients have made."""
        self.swallowed = 0
        """Bytes that gateways have written and no client has seen."""
        self.leads_to(target)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def leads_to(self, target: str | None) -> None:
        """Where new connections go; with ``None`` they wait until there is somewhere to go."""

        async def point() -> None:
            if self._target.done():
                self._target = self._background.loop.create_future()
            if target is not None:
                host, port = target.rsplit(":", 1)
                self._target.set_result((host, int(port)))

        self._background.run(point())

    def swallow(self) -> None:
        """From now on takes what gateways write on the connections there are, and hands none of it on."""
        self._background.run(self._with_links(lambda link: link.swallow()))

    def cut(self) -> None:
        """Resets every connection there is, on both sides."""
        self._background.run(self._with_links(lambda link: link.cut()))

    def strand(self) -> None:
        """Resets the clients' sides. The gateway's stay open, and nobody answers there any more."""
        self._background.run(self._with_links(lambda link: link.strand()))

    def close(self) -> None:
        self._background.run(self._close())

    async def _with_links(self, do: "Callable[[_Link], None]") -> None:
        for link in self._links:
            do(link)

    async def _close(self) -> None:
        self._server.close()
        for link in self._links:
            link.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        while True:
            target = self._target
            host, port = await asyncio.shield(target)
            if target is self._target:
                break
        try:
            there = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()
            return
        self._links.append(_Link((reader, writer), there, self._count_swallowed))

    def _count_swallowed(self, count: int) -> None:
        self.swallowed += count


Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Link:
    """One client's connection and the one to the gateway made for it."""

    def __init__(self, client: Pipe, gateway: Pipe, count_swallowed: Callable[[int], None]):
        self._client, self._gateway = client, gateway
        self._count_swallowed = count_swallowed
        self._swallows = False
        self._pumps = [
            asyncio.create_task(self._pump(client[0], gateway[1])),
            asyncio.create_task(self._pump(gateway[0], client[1])),
        ]

    def swallow(self) -> None:
        self._swallows = True

    def cut(self) -> None:
        self._stop()
        self._client[1].transport.abort()
        self._gateway[1].transport.abort()

    def strand(self) -> None:
        self._stop()
        self._client[1].transport.abort()

    def _stop(self) -> None:
        for pump in self._pumps:
            pump.cancel()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                if self._swallows and source is self._gateway[0]:
                    self._count_swallowed(len(data))
                    continue
                sink.write(data)
                await sink.drain()
            sink.close()
        except OSError:
            self.cut()
