"""The published clients behind one face: blocking and asyncio alike, with a record of all they were told."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import scitrera_aether_client as aether
from scitrera_aether_client.proto import aether_pb2 as pb

from background import BackgroundLoop
from waiting import PATIENCE, eventually


class Blocking:
    """``AgentClient`` and its like."""

    name = "blocking"

    def make(self, kind: str, *args: Any, **options: Any) -> Any:
        return getattr(aether, f"{kind}Client")(*args, **options)

    def call(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return method(*args, **options)

    def send_each(self, send: Callable[[bytes], Any], payloads: Iterable[bytes]) -> None:
        for payload in payloads:
            send(payload)

    def half_close(self, client: Any) -> None:
        client.request_queue.put(None)


class Asyncio:
    """``AsyncAgentClient`` and its like, all of them in one loop."""

    name = "asyncio"

    def __init__(self, background: BackgroundLoop):
        self._background = background

    def make(self, kind: str, *args: Any, **options: Any) -> Any:
        async def made() -> Any:
            return getattr(aether, f"Async{kind}Client")(*args, **options)

        return self._background.run(made())

    def call(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return self._background.run(method(*args, **options))

    def send_each(self, send: Callable[[bytes], Any], payloads: Iterable[bytes]) -> None:
        async def sending() -> None:
            for payload in payloads:
                await send(payload)

        self._background.run(sending())

    def half_close(self, client: Any) -> None:
        async def closing() -> None:
            await client._request_queue.put(None)

        self._background.run(closing())


Flavour = Blocking | Asyncio


class Told:
    """What a client was told through its callbacks, in the order of each."""

    def __init__(self, client: Any):
        self.connects = 0
        self.disconnects: list[str] = []
        self.configs: list[pb.ConfigSnapshot] = []
        self.messages: list[pb.IncomingMessage] = []
        self.typed: list[tuple[str, bytes]] = []
        """Name of the typed callback, and the payload it was called with."""
        self.progress: list[pb.ProgressUpdate] = []
        self.errors: list[pb.ErrorResponse] = []
        client.on_connect = self._connected
        client.on_disconnect = self.disconnects.append
        client.on_config = self.configs.append
        client.on_message = self.messages.append
        client.on_progress = self.progress.append
        client.on_error = self.errors.append
        for name in ("on_chat_message", "on_control_message", "on_tool_call", "on_event", "on_metric"):
            setattr(client, name, self._typed(name))

    def _connected(self) -> None:
        self.connects += 1

    def _typed(self, name: str) -> Callable[[pb.IncomingMessage], None]:
        return lambda message: self.typed.append((name, message.payload))


class InteropClient:
    """One published client. Its own methods (``send_message_to_agent`` and so on) are called on this."""

    def __init__(self, flavour: Flavour, kind: str, *args: Any, **options: Any):
        self._flavour = flavour
        self.published = flavour.make(kind, *args, **options)
        self.told = Told(self.published)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.published, name)
        return lambda *args, **options: self._flavour.call(method, *args, **options)

    def connect(self, address: str) -> "InteropClient":
        """Connects, and waits for the acknowledgement, as the client itself does not."""
        self.start(address)
        self.is_connected()
        return self

    def start(self, address: str) -> None:
        self._flavour.call(self.published.connect, address)

    def is_connected(self, times: int = 1, after: str | None = None, within: float = PATIENCE) -> None:
        """Waits until it has connected so often and has been given a session other than ``after``."""
        eventually(
            lambda: self.told.connects >= times and self.session not in ("", after),
            lambda: f"connection {times} of {self.published.init}",
            within,
        )

    def is_configured(self) -> None:
        """Waits for the configuration, which follows the acknowledgement for those who are given one."""
        eventually(lambda: self.told.configs, f"the configuration of {self.published.init}")

    @property
    def session(self) -> str:
        """The session's id, which the client keeps to itself; empty before the first."""
        return self.published._session_id or ""

    def send_to(self, topic: str, payload: bytes, message_type: int = aether.OPAQUE) -> None:
        """For topics no public method of this client writes."""
        self._flavour.call(self.published._send_message, topic, payload, message_type)

    def send_each_to(self, topic: str, payloads: Sequence[bytes]) -> None:
        self._flavour.send_each(lambda payload: self.published._send_message(topic, payload), payloads)

    def payloads(self) -> list[bytes]:
        return [message.payload for message in list(self.told.messages)]

    def receives(self, payloads: Sequence[bytes], within: float = PATIENCE) -> None:
        """Waits for as many messages; they must be these, in this order, and no others."""
        self._wait_for_messages(lambda: self.payloads(), payloads, within)
        assert self.payloads() == list(payloads)

    def receives_at_least_once(self, payloads: Sequence[bytes], within: float = PATIENCE) -> None:
        """The same, but some may come again: what a lost connection leaves unknown is sent once more."""

        def first_times() -> list[bytes]:
            return list(dict.fromkeys(self.payloads()))

        self._wait_for_messages(first_times, payloads, within)
        assert first_times() == list(payloads)

    @staticmethod
    def _wait_for_messages(seen: Callable[[], list[bytes]], payloads: Sequence[bytes], within: float) -> None:
        eventually(
            lambda: len(seen()) >= len(payloads),
            lambda: f"{len(payloads)} messages, but {len(seen())}: … {seen()[-3:]}",
            within,
        )

    def is_refused(self, code: str) -> pb.ErrorResponse:
        """Waits for the next refusal, which must have this code, and takes it off the record."""
        eventually(lambda: self.told.errors, f"an error {code}")
        error = self.told.errors.pop(0)
        assert error.code == code, error
        return error

    def is_disconnected(self, reason: str) -> None:
        """Waits until it has been told that it is disconnected, first of all for this reason."""
        eventually(lambda: self.told.disconnects, f"a disconnection: {reason}")
        assert self.told.disconnects[0] == reason

    def stops(self, within: float = PATIENCE) -> None:
        """Waits until the client has given up for good."""
        eventually(lambda: not self.published.is_running, "the client stops", within)

    def finish(self) -> None:
        """
        Ends the stream from this side and waits for the gateway's OK, which says that everything sent is durable.

        ``close()`` is no substitute: it drops what is still queued, and the asyncio client cancels the stream.
        """
        self._flavour.half_close(self.published)
        eventually(lambda: self.told.disconnects, "the gateway's answer to the half-close")
        # With any other status the client either stops for good or reconnects without telling of the disconnection.
        assert self.published.is_running and self.told.disconnects == ["connection lost"]
        self.close()

    def close(self) -> None:
        # A client that is reconnecting would otherwise go on after its close().
        self.published.auto_reconnect = False
        self._flavour.call(self.published.close)


class LogTap(logging.Handler):
    """What the clients' own logger says: where they report errors that no callback is told of."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._records: list[logging.LogRecord] = []
        self._lock = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        with self._lock:
            self._records.append(record)

    def errors(self, containing: str) -> list[aether.AetherError]:
        """Errors of the clients with this in their message: names are unique, so they are of one client."""
        with self._lock:
            args = [arg for record in self._records for arg in record.args or ()]
        return [arg for arg in args if isinstance(arg, aether.AetherError) and containing in arg.message]

    def has_resumed(self, client: InteropClient) -> bool:
        """The only place where a client says whether the session it was given continues an earlier one."""
        line = f"Session resumed (session_id={client.session[:8]}"
        with self._lock:
            return any(record.getMessage().startswith(line) for record in self._records)
