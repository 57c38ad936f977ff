"""Sending and receiving, between all kinds of principals."""

from typing import Any

import pytest
import scitrera_aether_client as aether

from clients import InteropClient
from conftest import Make, Unique
from fabric import Fabric
from waiting import eventually

PAYLOAD_BYTES_MAX = 1024 * 1024


def test_messages_arrive_in_order_and_say_where_they_are_from(fabric: Fabric, make: Make, unique: Unique) -> None:
    workspace = unique("order")
    sender = make("Agent", workspace, "impl", "sender").connect(fabric.address(0))
    recipient = make("Agent", workspace, "impl", "recipient").connect(fabric.address(1))
    payloads = [b"%d" % index for index in range(1000)]
    sender.send_each_to(f"ag::{workspace}::impl::recipient", payloads)
    recipient.receives(payloads)
    origins = {(message.source_topic, message.workspace) for message in recipient.told.messages}
    assert origins == {(f"ag::{workspace}::impl::sender", workspace)}


def test_each_of_two_senders_keeps_its_order(fabric: Fabric, make: Make, unique: Unique) -> None:
    workspace = unique("two")
    recipient = make("Agent", workspace, "impl", "recipient").connect(fabric.address(0))
    senders = [make("Agent", workspace, "impl", name).connect(fabric.address(n)) for n, name in enumerate("ab")]
    for index in range(100):
        for sender in senders:
            sender.send_message_to_agent(workspace, "impl", "recipient", b"%d" % index)
    eventually(lambda: len(recipient.told.messages) == 200, "200 messages")
    for name in "ab":
        source = f"ag::{workspace}::impl::{name}"
        received = [message.payload for message in recipient.told.messages if message.source_topic == source]
        assert received == [b"%d" % index for index in range(100)]


def test_each_type_of_message_reaches_its_callback(fabric: Fabric, make: Make, unique: Unique) -> None:
    workspace = unique("types")
    client = make("Agent", workspace, "impl", "self").connect(fabric.address())
    callbacks = {
        aether.CHAT: "on_chat_message",
        aether.CONTROL: "on_control_message",
        aether.TOOL_CALL: "on_tool_call",
        aether.EVENT: "on_event",
    }
    for message_type in [*callbacks, aether.OPAQUE]:
        client.send_to(f"ag::{workspace}::impl::self", b"%d" % message_type, message_type)
    client.receives([b"%d" % message_type for message_type in [*callbacks, aether.OPAQUE]])
    assert client.told.typed == [(name, b"%d" % message_type) for message_type, name in callbacks.items()]


@pytest.mark.parametrize("size", [0, 1, 65_536, PAYLOAD_BYTES_MAX])
def test_payloads_arrive_as_they_were_sent(fabric: Fabric, make: Make, unique: Unique, size: int) -> None:
    workspace = unique("size")
    sender = make("Agent", workspace, "impl", "sender").connect(fabric.address(0))
    recipient = make("Agent", workspace, "impl", "recipient").connect(fabric.address(1))
    payload = (bytes(range(251)) * (size // 251 + 1))[:size]
    sender.send_message_to_agent(workspace, "impl", "recipient", payload)
    recipient.receives([payload])


def test_a_byte_too_many_is_refused_and_the_next_message_passes(fabric: Fabric, make: Make, unique: Unique) -> None:
    workspace = unique("oversize")
    client = make("Agent", workspace, "impl", "self").connect(fabric.address())
    client.send_message_to_agent(workspace, "impl", "self", bytes(PAYLOAD_BYTES_MAX + 1))
    client.send_message_to_agent(workspace, "impl", "self", b"next")
    client.is_refused("ERR_PAYLOAD_TOO_LARGE")
    client.receives([b"next"])


def test_a_person_and_an_agent_talk(fabric: Fabric, make: Make, unique: Unique) -> None:
    workspace, person = unique("talk"), unique("person")
    agent = make("Agent", workspace, "impl", "agent").connect(fabric.address(0))
    window = make("User", person, "window").connect(fabric.address(1))
    window.send_message_to_agent(workspace, "impl", "agent", b"question", aether.CHAT)
    agent.receives([b"question"])
    assert agent.told.messages[0].source_topic == f"us::{person}::window"
    agent.send_message_to_user_session(person, "window", b"answer", aether.CHAT)
    window.receives([b"answer"])


def test_tasks_are_reached_by_name_and_by_the_one_they_were_given(fabric: Fabric, make: Make, unique: Unique) -> None:
    workspace = unique("tasks")
    unique_task = make("Task", workspace, "impl", "named").connect(fabric.address(0))
    task = make("Task", workspace, "impl").connect(fabric.address(1))
    service = make("Service", unique("service"), "spec").connect(fabric.address(0))
    service.send_message_to_task(workspace, "impl", b"to the named", "named")
    service.send_to(f"ta::{workspace}::impl::{task.session}", b"to the nameless")
    unique_task.receives([b"to the named"])
    task.receives([b"to the nameless"])
    task.send_message_to_agent(workspace, "impl", "away", b"tasks send too")
    task.finish()


def test_workers_share_the_work(fabric: Fabric, make: Make, unique: Unique) -> None:
    workspace = unique("work")
    workers = [make("Task", workspace, "impl").connect(fabric.address(gateway)) for gateway in range(2)]
    sender = make("Agent", workspace, "impl", "sender").connect(fabric.address())
    work = [b"%d" % index for index in range(100)]
    sender.send_each_to(f"tb::{workspace}::impl", work)

    def done() -> list[bytes]:
        return [payload for worker in workers for payload in worker.payloads()]

    eventually(lambda: len(done()) >= len(work), lambda: f"100 pieces of work, but {len(done())}")
    assert sorted(done()) == sorted(work)


def test_a_service_is_reached_by_its_name_and_as_any_of_its_kind(fabric: Fabric, make: Make, unique: Unique) -> None:
    implementation = unique("service")
    service = make("Service", implementation, "one").connect(fabric.address(1))
    sender = make("Agent", unique("client"), "impl", "sender").connect(fabric.address(0))
    sender.send_to(f"sv::{implementation}::one", b"by name")
    service.receives([b"by name"])
    sender.send_to(f"sv::{implementation}", b"any")
    service.receives([b"by name", b"any"])


def test_an_orchestrator_tells_an_agent_and_a_task_what_happens(fabric: Fabric, make: Make, unique: Unique) -> None:
    workspace = unique("orchestrated")
    agent = make("Agent", workspace, "impl", "agent").connect(fabric.address(0))
    task = make("Task", workspace, "impl", "task").connect(fabric.address(0))
    orchestrator = make("Orchestrator", unique("orchestrator"), ["profile"]).connect(fabric.address(1))
    orchestrator.send_status_to_agent(workspace, "impl", "agent", b"to the agent")
    orchestrator.send_status_to_task(workspace, "impl", b"to the task", "task")
    agent.receives([b"to the agent"])
    task.receives([b"to the task"])
    assert agent.told.typed == [("on_control_message", b"to the agent")]


def test_events_reach_the_workflow_engine_which_answers_with_commands(
    fabric: Fabric, make: Make, unique: Unique
) -> None:
    workspace, event = unique("events"), unique("happened").encode()
    engine = make("WorkflowEngine").connect(fabric.address(0))
    agent = make("Agent", workspace, "impl", "agent").connect(fabric.address(1))
    agent.send_event(event)
    (heard,) = _hears_of(engine, workspace)
    assert (heard.payload, heard.message_type) == (event, aether.EVENT)
    assert heard.source_topic == f"ag::{workspace}::impl::agent"
    engine.send_command_to_agent(workspace, "impl", "agent", b"go on")
    agent.receives([b"go on"])
    engine.finish()


def test_metrics_reach_the_metrics_bridge(fabric: Fabric, make: Make, unique: Unique) -> None:
    workspace = unique("metrics")
    bridge = make("MetricsBridge").connect(fabric.address(1))
    agent = make("Agent", workspace, "impl", "agent").connect(fabric.address(0))
    metric = aether.new_metric().trace("trace").add("tokens", "llm", 3.5).tag("model", "small").build()
    agent.send_metric(metric)
    (heard,) = _hears_of(bridge, workspace)
    assert heard.message_type == aether.METRIC
    assert type(metric).FromString(heard.payload) == metric
    bridge.finish()


def _hears_of(gatherer: InteropClient, workspace: str) -> list[Any]:
    """There is one for all workspaces, so it may hear of others, too."""

    def heard() -> list[Any]:
        return [message for message in gatherer.told.messages if message.workspace == workspace]

    eventually(heard, f"news of {workspace}")
    return heard()


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        pytest.param("nonsense", "ERR_INVALID_TOPIC", id="not a topic"),
        pytest.param("ag::elsewhere::impl::spec", "ERR_PERMISSION_DENIED", id="another workspace"),
        pytest.param("uu::somebody", "ERR_PERMISSION_DENIED", id="not for agents"),
        pytest.param("sv::nobody-is-one", "ERR_SV_UNAVAILABLE", id="no such service"),
    ],
)
def test_what_may_not_or_cannot_be_sent_is_refused_and_the_rest_passes(
    fabric: Fabric, make: Make, unique: Unique, topic: str, code: str
) -> None:
    workspace = unique("refused")
    client = make("Agent", workspace, "impl", "self").connect(fabric.address())
    client.send_to(topic, b"refused")
    client.send_message_to_agent(workspace, "impl", "self", b"passes")
    error = client.is_refused(code)
    assert error.retryable == (code == "ERR_SV_UNAVAILABLE")
    client.receives([b"passes"])
