"""Being disconnected: by an operator for good, and by a gateway that stops and asks to be followed by another."""

import pytest

from clients import Flavour, InteropClient, LogTap
from conftest import Make, OpenGateway, ProxyTo, Unique
from fabric import Fabric
from waiting import eventually


@pytest.fixture
def operator(fabric: Fabric, make_asyncio: Make, unique: Unique) -> InteropClient:
    """Only the asyncio client can look at sessions and end them."""
    return make_asyncio("Service", unique("operations"), "operator").connect(fabric.address(0))


def test_an_operator_finds_the_sessions_of_all_gateways(
    fabric: Fabric, make: Make, operator: InteropClient, unique: Unique
) -> None:
    workspace = unique("sessions")
    agent = make("Agent", workspace, "impl", "agent").connect(fabric.address(0))
    task = make("Task", workspace, "impl", "task").connect(fabric.address(1))
    listed = operator.list_sessions(workspace=workspace)
    assert listed.success and listed.total_count == 2
    assert {connection.session_id for connection in listed.connections} == {agent.session, task.session}
    tasks = operator.list_sessions(workspace=workspace, principal_type="task")
    assert [connection.identity for connection in tasks.connections] == [f"tu::{workspace}::impl::task"]
    found = operator.get_session(agent.session)
    assert found.success and found.connection.identity == f"ag::{workspace}::impl::agent"
    assert not operator.get_session("nobody's").success


def test_an_operator_ends_a_session_for_good_and_its_identity_is_free_at_once(
    fabric: Fabric, make: Make, operator: InteropClient, unique: Unique
) -> None:
    workspace = unique("ended")
    client = make("Agent", workspace, "impl", "one").connect(fabric.address(1))
    assert operator.disconnect_session(client.session, "misbehaving").success
    client.is_disconnected("misbehaving")
    client.stops()
    assert client.told.connects == 1
    another = make("Agent", workspace, "impl", "one").connect(fabric.address(0))
    another.send_message_to_agent(workspace, "impl", "one", b"free")
    another.receives([b"free"])


def test_nobody_else_may_look_at_sessions_or_end_them(
    fabric: Fabric, make: Make, make_asyncio: Make, unique: Unique
) -> None:
    workspace = unique("nosy")
    other = make("Agent", workspace, "impl", "other").connect(fabric.address(1))
    agent = make_asyncio("Agent", workspace, "impl", "agent").connect(fabric.address(0))
    assert not agent.list_sessions().success
    agent.is_refused("ERR_PERMISSION_DENIED")
    assert not agent.disconnect_session(other.session).success
    agent.is_refused("ERR_PERMISSION_DENIED")
    other.send_message_to_agent(workspace, "impl", "other", b"still here")
    other.receives([b"still here"])


def test_one_who_stays_is_seen_and_one_who_has_gone_is_not(
    fabric: Fabric, make: Make, make_asyncio: Make, unique: Unique
) -> None:
    workspace = unique("seen")
    seer = make_asyncio("Agent", workspace, "impl", "seer").connect(fabric.address(0))
    client = make("Agent", workspace, "impl", "seen").connect(fabric.address(1))
    identity = f"ag::{workspace}::impl::seen"
    assert seer.connection_status("agent", identity).connected
    client.finish()
    status = seer.connection_status("agent", identity)
    assert status.ok and not status.connected


def test_a_gateway_that_stops_keeps_what_it_accepted_and_lets_its_clients_go_on_elsewhere(
    fabric: Fabric,
    make: Make,
    flavour: Flavour,
    own_gateway: OpenGateway,
    proxy_to: ProxyTo,
    unique: Unique,
    log_tap: LogTap,
) -> None:
    workspace = unique("drained")
    gateway = own_gateway()
    proxy = proxy_to(gateway.address)
    client = make("Agent", workspace, "impl", "one").connect(proxy.address)
    session = client.session
    client.send_message_to_agent(workspace, "impl", "other", b"accepted")
    client.send_message_to_agent(workspace, "impl", "one", b"heard")
    client.receives([b"heard"])
    proxy.leads_to(None)
    gateway.drain()
    client.is_disconnected("server shutting down")
    successor = gateway.successor()
    proxy.leads_to(successor)
    if flavour.name == "asyncio":
        client.is_connected(times=2, after=session)
        if fabric.composition == "stack":
            eventually(lambda: log_tap.has_resumed(client), "the session is resumed")
    else:
        # The blocking client takes the notice for the end; a program that uses it connects anew.
        client.stops()
        make("Agent", workspace, "impl", "one").connect(successor)
    other = make("Agent", workspace, "impl", "other").connect(successor)
    other.receives([b"accepted"])
