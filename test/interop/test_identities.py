"""Who has an identity: one session at a time, which comes back after a loss and is gone after a goodbye."""

from collections.abc import Callable

import pytest
import scitrera_aether_client as aether

from clients import InteropClient, LogTap
from conftest import Make, OpenGateway, ProxyTo, Unique
from fabric import Fabric
from proxy import Proxy
from waiting import eventually


def test_a_duplicate_is_refused_everywhere_and_the_holder_notices_nothing(
    fabric: Fabric, make: Make, unique: Unique, log_tap: LogTap
) -> None:
    workspace = unique("duplicate")
    holder = make("Agent", workspace, "impl", "one").connect(fabric.address())
    for gateway in range(2):
        second = make("Agent", workspace, "impl", "one")
        second.start(fabric.address(gateway))
        second.stops()
        assert second.told.connects == 0
    refused = f"DuplicateIdentityError: identity (ag::{workspace}::impl::one) already connected"
    errors = log_tap.errors(workspace)
    assert [(type(error), error.message) for error in errors] == [(aether.DuplicateIdentityError, refused)] * 2
    holder.send_message_to_agent(workspace, "impl", "one", b"still here")
    holder.receives([b"still here"])


@pytest.mark.parametrize("say_goodbye", [InteropClient.close, InteropClient.finish])
def test_an_identity_is_free_at_once_after_a_goodbye(
    fabric: Fabric, make: Make, unique: Unique, say_goodbye: Callable[[InteropClient], None]
) -> None:
    workspace = unique("goodbye")
    for gateway in range(4):
        client = make("Agent", workspace, "impl", "one").connect(fabric.address(gateway))
        say_goodbye(client)


@pytest.mark.parametrize("lose", [Proxy.cut, Proxy.strand])
def test_a_lost_connection_is_resumed_on_another_gateway(
    fabric: Fabric, make: Make, proxy_to: ProxyTo, unique: Unique, log_tap: LogTap, lose: Callable[[Proxy], None]
) -> None:
    workspace = unique("resume")
    proxy = proxy_to(fabric.address(0))
    client = make("Agent", workspace, "impl", "one").connect(proxy.address)
    session = client.session
    proxy.leads_to(fabric.address(1))
    lose(proxy)
    client.is_connected(times=2, after=session)
    eventually(lambda: log_tap.has_resumed(client), "the session is resumed")
    client.send_message_to_agent(workspace, "impl", "one", b"back")
    client.receives([b"back"])


def test_an_identity_whose_holder_went_without_a_word_is_free(
    fabric: Fabric, make: Make, proxy_to: ProxyTo, unique: Unique
) -> None:
    workspace = unique("stranded")
    proxy = proxy_to(fabric.address(0))
    make("Agent", workspace, "impl", "one", auto_reconnect=False).connect(proxy.address)
    proxy.strand()
    make("Agent", workspace, "impl", "one").connect(fabric.address(1))


def test_a_session_is_resumed_after_its_gateway_was_killed(
    fabric: Fabric, make: Make, own_gateway: OpenGateway, proxy_to: ProxyTo, unique: Unique, log_tap: LogTap
) -> None:
    workspace = unique("killed")
    gateway = own_gateway()
    proxy = proxy_to(gateway.address)
    client = make("Agent", workspace, "impl", "one").connect(proxy.address)
    session = client.session
    proxy.leads_to(None)
    gateway.kill()
    successor = gateway.successor()
    proxy.leads_to(successor)
    client.is_connected(times=2, after=session)
    # Embedded, sessions end with the process; on the stack the other gateways know of them.
    if fabric.composition == "stack":
        eventually(lambda: log_tap.has_resumed(client), "the session is resumed")
    peer = make("Agent", workspace, "impl", "peer").connect(successor)
    peer.send_message_to_agent(workspace, "impl", "one", b"welcome back")
    client.receives([b"welcome back"])


def test_an_identity_is_free_soon_after_its_gateway_was_killed(
    make: Make, own_gateway: OpenGateway, unique: Unique
) -> None:
    workspace = unique("orphaned")
    gateway = own_gateway()
    make("Agent", workspace, "impl", "one", auto_reconnect=False).connect(gateway.address)
    gateway.kill()
    make("Agent", workspace, "impl", "one").connect(gateway.successor())
