"""What every story is given: the fabric, both kinds of client, proxies, gateways to stop, names of its own."""

import itertools
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from background import BackgroundLoop
from clients import Asyncio, Blocking, Flavour, InteropClient, LogTap
from fabric import Fabric, OwnGateway
from proxy import Proxy

serial = itertools.count(1)


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    return Fabric.of_environment()


@pytest.fixture(scope="session")
def asyncio_clients() -> Iterator[Asyncio]:
    background = BackgroundLoop("asyncio-clients")
    yield Asyncio(background)
    background.close()


@pytest.fixture(scope="session")
def proxies() -> Iterator[BackgroundLoop]:
    background = BackgroundLoop("proxies")
    yield background
    background.close()


@pytest.fixture(params=["blocking", "asyncio"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Each story is told once for each kind of client."""
    return Blocking() if request.param == "blocking" else request.getfixturevalue("asyncio_clients")


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


Unique = Callable[[str], str]


@pytest.fixture
def unique() -> Unique:
    """Makes names that nothing else on the fabric has."""
    return lambda label: f"{label}-{os.getpid()}-{next(serial)}"


Make = Callable[..., InteropClient]


@pytest.fixture
def make(flavour: Flavour, cleanup: ExitStack) -> Make:
    """Makes a client of the story's flavour; it is closed when the story ends."""

    def made(kind: str, *args: Any, **options: Any) -> InteropClient:
        client = InteropClient(flavour, kind, *args, **options)
        cleanup.callback(client.close)
        return client

    return made


@pytest.fixture
def make_asyncio(asyncio_clients: Asyncio, cleanup: ExitStack) -> Make:
    """The same for what only the asyncio client can do, such as looking at sessions."""

    def made(kind: str, *args: Any, **options: Any) -> InteropClient:
        client = InteropClient(asyncio_clients, kind, *args, **options)
        cleanup.callback(client.close)
        return client

    return made


ProxyTo = Callable[[str | None], Proxy]


@pytest.fixture
def proxy_to(proxies: BackgroundLoop, cleanup: ExitStack) -> ProxyTo:
    def opened(target: str | None) -> Proxy:
        proxy = Proxy(proxies, target)
        cleanup.callback(proxy.close)
        return proxy

    return opened


OpenGateway = Callable[..., OwnGateway]


@pytest.fixture
def own_gateway(fabric: Fabric, cleanup: ExitStack) -> OpenGateway:
    def opened(*arguments: str) -> OwnGateway:
        gateway = fabric.own_gateway(*arguments)
        cleanup.callback(gateway.close)
        return gateway

    return opened


@pytest.fixture
def log_tap() -> Iterator[LogTap]:
    logger, tap = logging.getLogger("aether.client"), LogTap()
    logger.addHandler(tap)
    logger.setLevel(logging.INFO)
    yield tap
    logger.removeHandler(tap)
