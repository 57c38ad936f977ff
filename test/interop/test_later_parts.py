"""What belongs to later parts of the product: refused by name, at once, and nothing else suffers."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from clients import InteropClient
from conftest import Make, Unique
from fabric import Fabric

Call = Callable[[InteropClient], Any]

WITH_AN_ANSWER: Mapping[str, Call] = {
    "create task": lambda client: client.create_task_sync("type", "workspace"),
    "query tasks": lambda client: client.query_tasks(),
    "get task": lambda client: client.get_task("task"),
    "complete task": lambda client: client.complete_task("task"),
    "subscribe to task": lambda client: client.subscribe_to_task("task"),
    "list tokens": lambda client: client.list_tokens(),
    "list agents": lambda client: client.list_agents(),
    "list rules": lambda client: client.acl_list_rules(),
    "get grant": lambda client: client.get_authority_grant("grant"),
    "submit audit event": lambda client: client.submit_audit_event("type", "operation"),
}


def is_answered(client: InteropClient, call: Call) -> None:
    """At once means: long before the client would give up waiting, after which it answers with nothing."""
    answer = call(client)
    assert answer is not None and not answer.success, answer
    client.is_refused("ERR_NOT_IMPLEMENTED")


@pytest.fixture
def agent(fabric: Fabric, make: Make, unique: Unique) -> InteropClient:
    return make("Agent", unique("later"), "impl", "agent").connect(fabric.address())


@pytest.mark.parametrize("call", WITH_AN_ANSWER.values(), ids=list(WITH_AN_ANSWER))
def test_an_operation_is_answered_as_unsuccessful_and_the_stream_goes_on(agent: InteropClient, call: Call) -> None:
    is_answered(agent, call)
    agent.send_message_to_agent(agent.published.workspace, "impl", "agent", b"goes on")
    agent.receives([b"goes on"])
