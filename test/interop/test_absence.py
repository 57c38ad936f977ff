"""Messages for those who are away, or whose connection is lost: they are there on the return, on any gateway."""

from conftest import Make, OpenGateway, ProxyTo, Unique
from fabric import Fabric
from waiting import eventually


def numbered(label: str, count: int) -> list[bytes]:
    return [f"{label} {index}".encode() for index in range(count)]


def test_one_who_never_was_there_gets_all_on_the_first_connect(fabric: Fabric, make: Make, unique: Unique) -> None:
    workspace = unique("late")
    sender = make("Agent", workspace, "impl", "sender").connect(fabric.address(0))
    payloads = numbered("kept", 100)
    sender.send_each_to(f"ag::{workspace}::impl::late", payloads)
    sender.finish()
    late = make("Agent", workspace, "impl", "late").connect(fabric.address(1))
    late.receives(payloads)


def test_one_who_comes_back_gets_what_was_sent_meanwhile_and_nothing_else(
    fabric: Fabric, make: Make, unique: Unique
) -> None:
    workspace = unique("away")
    topic = f"ag::{workspace}::impl::recipient"
    sender = make("Agent", workspace, "impl", "sender").connect(fabric.address(0))
    recipient = make("Agent", workspace, "impl", "recipient").connect(fabric.address(0))
    sender.send_each_to(topic, numbered("before", 10))
    recipient.receives(numbered("before", 10))
    recipient.finish()
    sender.send_each_to(topic, numbered("meanwhile", 1000))
    sender.finish()
    back = make("Agent", workspace, "impl", "recipient").connect(fabric.address(1))
    back.receives(numbered("meanwhile", 1000))


def test_a_window_finds_what_was_sent_to_it_and_to_its_person_while_it_was_closed(
    fabric: Fabric, make: Make, unique: Unique
) -> None:
    person = unique("person")
    make("User", person, "window").connect(fabric.address(0)).finish()
    service = make("Service", unique("backend"), "one").connect(fabric.address(1))
    service.send_message_to_user_session(person, "window", b"to the window")
    service.send_message_to_user_broadcast(person, b"to the person")
    service.finish()
    back = make("User", person, "window").connect(fabric.address(1))
    eventually(lambda: len(back.told.messages) == 2, "both messages")
    assert sorted(back.payloads()) == [b"to the person", b"to the window"]


def test_what_was_sent_while_the_connection_was_cut_arrives_on_the_resumed_one(
    fabric: Fabric, make: Make, proxy_to: ProxyTo, unique: Unique
) -> None:
    workspace = unique("cut")
    topic = f"ag::{workspace}::impl::recipient"
    proxy = proxy_to(fabric.address(0))
    recipient = make("Agent", workspace, "impl", "recipient").connect(proxy.address)
    sender = make("Agent", workspace, "impl", "sender").connect(fabric.address(1))
    sender.send_each_to(topic, numbered("before", 10))
    recipient.receives(numbered("before", 10))
    session = recipient.session
    proxy.leads_to(None)
    proxy.cut()
    sender.send_each_to(topic, numbered("meanwhile", 300))
    sender.finish()
    proxy.leads_to(fabric.address(1))
    recipient.is_connected(times=2, after=session)
    recipient.receives_at_least_once(numbered("before", 10) + numbered("meanwhile", 300))


def test_what_a_dying_connection_swallowed_is_sent_again(
    fabric: Fabric, make: Make, proxy_to: ProxyTo, unique: Unique
) -> None:
    workspace = unique("swallowed")
    topic = f"ag::{workspace}::impl::recipient"
    proxy = proxy_to(fabric.address(0))
    recipient = make("Agent", workspace, "impl", "recipient").connect(proxy.address)
    sender = make("Agent", workspace, "impl", "sender").connect(fabric.address(1))
    sender.send_each_to(topic, numbered("before", 10))
    recipient.receives(numbered("before", 10))
    session = recipient.session
    swallowed = numbered("swallowed", 300)
    proxy.swallow()
    sender.send_each_to(topic, swallowed)
    eventually(lambda: proxy.swallowed > sum(map(len, swallowed)), "the gateway writes into the void")
    proxy.leads_to(fabric.address(1))
    proxy.cut()
    recipient.is_connected(times=2, after=session)
    recipient.receives_at_least_once(numbered("before", 10) + swallowed)


def test_what_a_killed_gateway_had_not_delivered_arrives_through_its_successor(
    make: Make, own_gateway: OpenGateway, proxy_to: ProxyTo, unique: Unique
) -> None:
    workspace = unique("killed")
    gateway = own_gateway()
    proxy = proxy_to(gateway.address)
    recipient = make("Agent", workspace, "impl", "recipient").connect(proxy.address)
    sender = make("Agent", workspace, "impl", "sender").connect(gateway.address)
    session = recipient.session
    proxy.swallow()
    sender.send_each_to(f"ag::{workspace}::impl::recipient", numbered("accepted", 300))
    sender.finish()
    proxy.leads_to(None)
    gateway.kill()
    proxy.leads_to(gateway.successor())
    recipient.is_connected(times=2, after=session)
    recipient.receives_at_least_once(numbered("accepted", 300))
