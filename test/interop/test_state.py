"""Values and checkpoints of the published client: kept by the fabric, for whoever may see them."""

from typing import Any

from clients import Flavour, InteropClient
from conftest import Make, Unique
from fabric import Fabric
from waiting import eventually


def ask(client: InteropClient, flavour: Flavour, method: str, *args: Any, **options: Any) -> Any:
    """The answer to a key-value call, for which the blocking client has only a callback."""
    if flavour.name == "asyncio":
        return getattr(client, method)(*args, **options)
    answers: list[Any] = []
    client.published.on_kv_response = answers.append
    getattr(client, method)(*args, **options)
    eventually(lambda: answers, f"an answer to {method}")
    return answers[0]


def test_values_are_kept_counted_and_deleted(fabric: Fabric, make: Make, unique: Unique, flavour: Flavour) -> None:
    workspace = unique("state")
    writer = make("Agent", workspace, "impl", "writer").connect(fabric.address())
    reader = make("Agent", workspace, "impl", "reader").connect(fabric.address(1))
    where = {"scope": "workspace", "workspace": workspace}
    assert ask(writer, flavour, "kv_put", "colour", b"green", **where).success
    assert ask(reader, flavour, "kv_get", "colour", **where).value == b"green"
    assert ask(reader, flavour, "kv_list", "col", **where).success
    for _ in range(3):
        answer = ask(writer, flavour, "kv_increment", "count", **where)
    assert answer.success
    assert ask(reader, flavour, "kv_get", "count", **where).value == b"3"
    assert ask(reader, flavour, "kv_delete", "colour", **where).success
    assert ask(writer, flavour, "kv_get", "colour", **where).value == b""


def test_checkpoints_are_there_for_the_next_session(
    fabric: Fabric, make: Make, unique: Unique, flavour: Flavour
) -> None:
    suffix = "_sync" if flavour.name == "blocking" else ""
    workspace = unique("checkpoint")
    agent = make("Agent", workspace, "impl", "agent").connect(fabric.address())
    assert getattr(agent, f"checkpoint_save{suffix}")(b"half way", "progress").success
    agent.finish()
    successor = make("Agent", workspace, "impl", "agent").connect(fabric.address(1))
    loaded = getattr(successor, f"checkpoint_load{suffix}")("progress")
    assert loaded.success and loaded.data == b"half way"
    assert getattr(successor, f"checkpoint_delete{suffix}")("progress").success
    again = getattr(successor, f"checkpoint_load{suffix}")("progress")
    assert again.data == b""
