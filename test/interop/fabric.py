"""The fabric under test, as scripts/interop.ts tells of it, and gateways of one's own to stop and kill."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

START_WITHIN = 30.0
STOP_WITHIN = 20.0


@dataclass(frozen=True)
class Fabric:
    composition: str
    """``embedded``: one process; ``stack``: several gateways on Redis, RabbitMQ and Postgres."""
    addresses: Sequence[str]
    command: Sequence[str]
    """Starts another gateway; of the same fabric on the stack."""

    @staticmethod
    def of_environment() -> "Fabric":
        return Fabric(
            os.environ["AETHER_INTEROP_COMPOSITION"],
            os.environ["AETHER_INTEROP_ADDRESSES"].split(","),
            json.loads(os.environ["AETHER_INTEROP_GATEWAY_COMMAND"]),
        )

    def address(self, gateway: int = 0) -> str:
        """Of a gateway; where there is only one, it is every one."""
        return self.addresses[gateway % len(self.addresses)]

    def own_gateway(self, *arguments: str) -> "OwnGateway":
        return OwnGateway(self, arguments)


class OwnGateway:
    """A gateway of one test's own: on the stack one more of the shared fabric, embedded a fabric of its own."""

    def __init__(self, fabric: Fabric, arguments: Sequence[str]):
        self._fabric = fabric
        self._folder = tempfile.TemporaryDirectory(prefix="aether-interop-own-")
        self._command = [*fabric.command, *arguments]
        if fabric.composition == "embedded":
            self._command += ["--data-dir", f"{self._folder.name}/data"]
        self._log = open(f"{self._folder.name}/log", "ab")
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""
        self.start()

    def start(self) -> None:
        """Starts it, or starts it again on the data it had."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=self._log)
        line = _first_line(self._process, time.monotonic() + START_WITHIN)
        if line == b"":
            raise AssertionError(f"{self._command} does not start:\n{self.logged()}")
        self.address = json.loads(line)["grpc"]

    def successor(self) -> str:
        """Where its clients go once it is gone: to another gateway, or to itself, started again."""
        if self._fabric.composition == "embedded":
            self.start()
            return self.address
        return self._fabric.address()

    def drain(self) -> None:
        """Stops it as an operator does; it must end well."""
        assert self._end(signal.SIGTERM) == 0, self.logged()

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def logged(self) -> str:
        with open(self._log.name, encoding="utf8") as log:
            return log.read()

    def close(self) -> None:
        self.kill()
        self._log.close()
        self._folder.cleanup()

    def _end(self, by: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        process.send_signal(by)
        try:
            return process.wait(STOP_WITHIN)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
            self._process = None


def _first_line(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """What it says when it is up; empty if it ends instead, or takes too long."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        byte = os.read(process.stdout.fileno(), 1) if readable else b""
        if byte == b"":
            return b""
        line += byte
    return line
