"""Connecting, as each kind of principal that the published client offers."""

import uuid
from collections.abc import Sequence

import pytest
import scitrera_aether_client as aether

from clients import LogTap
from conftest import Make, Unique
from fabric import Fabric

CONFIGURED = [
    pytest.param("Agent", ["workspace", "implementation", "specifier"], id="agent"),
    pytest.param("Task", ["workspace", "implementation", "specifier"], id="unique-task"),
    pytest.param("Task", ["workspace", "implementation"], id="task"),
]
OTHERS = [
    pytest.param("User", ["user", "window"], id="user"),
    pytest.param("Service", ["implementation", "specifier"], id="service"),
    pytest.param("WorkflowEngine", [], id="workflow-engine"),
    pytest.param("MetricsBridge", [], id="metrics-bridge"),
]


@pytest.mark.parametrize(("kind", "labels"), CONFIGURED)
def test_agents_and_tasks_are_given_a_session_and_a_configuration(
    fabric: Fabric, make: Make, unique: Unique, kind: str, labels: Sequence[str]
) -> None:
    client = make(kind, *map(unique, labels)).connect(fabric.address())
    client.is_configured()
    assert uuid.UUID(client.session).version == 4
    assert client.told.errors == []


@pytest.mark.parametrize(("kind", "labels"), OTHERS)
def test_others_are_given_a_session_alone(
    fabric: Fabric, make: Make, unique: Unique, kind: str, labels: Sequence[str]
) -> None:
    client = make(kind, *map(unique, labels)).connect(fabric.address(1))
    client.finish()
    assert uuid.UUID(client.session).version == 4
    assert client.told.configs == [] and client.told.errors == []


def test_an_orchestrator_is_given_a_session(fabric: Fabric, make: Make, unique: Unique) -> None:
    client = make("Orchestrator", unique("implementation"), ["profile"]).connect(fabric.address())
    client.finish()
    assert uuid.UUID(client.session).version == 4


def test_what_is_sent_before_the_acknowledgement_is_handled_in_order(
    fabric: Fabric, make: Make, unique: Unique
) -> None:
    workspace = unique("early")
    client = make("Agent", workspace, "impl", "self")
    payloads = [b"%d" % index for index in range(50)]
    client.start(fabric.address())
    client.send_each_to(f"ag::{workspace}::impl::self", payloads)
    client.receives(payloads)


@pytest.mark.parametrize("workspace", ["a b", "a::b", "x" * 129])
def test_a_name_against_the_rules_is_refused(
    fabric: Fabric, make: Make, unique: Unique, log_tap: LogTap, workspace: str
) -> None:
    client = make("Agent", workspace, "impl", unique("spec"))
    client.start(fabric.address())
    client.stops()
    assert client.told.connects == 0
    assert [type(error) for error in log_tap.errors("workspace")] == [aether.InvalidArgumentError]


def test_an_extension_that_is_not_supported_is_not_negotiated(fabric: Fabric, make: Make, unique: Unique) -> None:
    wished = aether.make_extension(uri="urn:example:wished")
    client = make("Agent", unique("extension"), "impl", "spec", extensions=[wished]).connect(fabric.address())
    client.is_configured()
    assert client.published.negotiated_extensions() == []


def test_an_extension_that_is_required_and_not_supported_ends_the_connection(
    fabric: Fabric, make: Make, unique: Unique
) -> None:
    required = aether.make_extension(uri="urn:example:required", required=True)
    client = make("Agent", unique("extension"), "impl", "spec", extensions=[required], auto_reconnect=False)
    client.start(fabric.address())
    error = client.is_refused("FAILED_PRECONDITION")
    assert "ERR_EXTENSION_UNSUPPORTED" in error.message and "urn:example:required" in error.message
