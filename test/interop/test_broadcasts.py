"""Messages to many, and the workspace that people are in."""

from clients import InteropClient
from conftest import Make, Unique
from fabric import Fabric


def enters(window: InteropClient, workspace: str) -> None:
    """Switches, and waits until that is done, which no answer tells: a message behind the switch does."""
    window.switch_workspace(workspace)
    seen = window.payloads()
    arrived = f"in {workspace}".encode()
    window.send_message_to_user_session(window.published.user_id, window.published.window_id, arrived)
    window.receives([*seen, arrived])
    del window.told.messages[:]


def test_a_message_to_the_agents_of_a_workspace_reaches_all_of_them_and_no_others(
    fabric: Fabric, make: Make, unique: Unique
) -> None:
    workspace, elsewhere = unique("broadcast"), unique("elsewhere")
    agents = [make("Agent", workspace, "impl", f"{n}").connect(fabric.address(n)) for n in range(3)]
    outsider = make("Agent", elsewhere, "impl", "outsider").connect(fabric.address(1))
    agents[0].send_broadcast_to_agents(workspace, b"all of you")
    for agent in agents:
        agent.receives([b"all of you"])
    outsider.send_broadcast_to_agents(elsewhere, b"us alone")
    outsider.receives([b"us alone"])


def test_a_message_to_the_people_of_a_workspace_reaches_those_who_are_in_it(
    fabric: Fabric, make: Make, unique: Unique
) -> None:
    workspace, person = unique("people"), unique("person")
    agent = make("Agent", workspace, "impl", "agent").connect(fabric.address(0))
    inside = make("User", person, "inside").connect(fabric.address(1))
    outside = make("User", person, "outside").connect(fabric.address(0))
    enters(inside, workspace)
    agent.send_broadcast_to_users(workspace, b"everyone here")
    inside.receives([b"everyone here"])
    agent.send_message_to_user_workspace(person, workspace, b"you, if here")
    inside.receives([b"everyone here", b"you, if here"])
    agent.send_message_to_user_session(person, "outside", b"you, there")
    outside.receives([b"you, there"])


def test_a_message_to_a_person_reaches_all_windows_wherever_they_are(
    fabric: Fabric, make: Make, unique: Unique
) -> None:
    person = unique("person")
    windows = [make("User", person, f"{n}").connect(fabric.address(n)) for n in range(3)]
    stranger = make("User", unique("stranger"), "window").connect(fabric.address(1))
    enters(windows[0], unique("somewhere"))
    service = make("Service", unique("backend"), "one").connect(fabric.address(1))
    service.send_message_to_user_broadcast(person, b"all your windows")
    for window in windows:
        window.receives([b"all your windows"])
    service.send_message_to_user_session(stranger.published.user_id, "window", b"yours")
    stranger.receives([b"yours"])


def test_one_who_moves_to_another_workspace_hears_of_that_one_only(fabric: Fabric, make: Make, unique: Unique) -> None:
    first, second = unique("first"), unique("second")
    mover = make("User", unique("mover"), "window").connect(fabric.address(1))
    stayer = make("User", unique("stayer"), "window").connect(fabric.address(1))
    service = make("Service", unique("backend"), "one").connect(fabric.address(0))
    enters(mover, first)
    enters(stayer, first)
    service.send_to(f"gu::{first}", b"both are here")
    mover.receives([b"both are here"])
    enters(mover, second)
    service.send_to(f"gu::{first}", b"one is here")
    stayer.receives([b"both are here", b"one is here"])
    service.send_to(f"gu::{second}", b"one is there")
    mover.receives([b"one is there"])


def test_one_in_a_workspace_does_not_reach_into_another(fabric: Fabric, make: Make, unique: Unique) -> None:
    here, there = unique("here"), unique("there")
    window = make("User", unique("person"), "window").connect(fabric.address())
    agent = make("Agent", there, "impl", "agent").connect(fabric.address(1))
    enters(window, here)
    window.send_message_to_agent(there, "impl", "agent", b"from outside")
    window.is_refused("ERR_PERMISSION_DENIED")
    enters(window, there)
    window.send_message_to_agent(there, "impl", "agent", b"from inside")
    agent.receives([b"from inside"])


def test_a_workspace_that_breaks_the_rules_is_refused_and_left_unentered(
    fabric: Fabric, make: Make, unique: Unique
) -> None:
    workspace = unique("kept")
    window = make("User", unique("person"), "window").connect(fabric.address())
    agent = make("Agent", workspace, "impl", "agent").connect(fabric.address(1))
    enters(window, workspace)
    window.switch_workspace("a b")
    window.is_refused("ERR_INVALID_ARGUMENT")
    agent.send_broadcast_to_users(workspace, b"still here")
    window.receives([b"still here"])


def test_agents_stay_where_they_are(fabric: Fabric, make: Make, unique: Unique) -> None:
    agent = make("Agent", unique("home"), "impl", "agent").connect(fabric.address())
    agent.switch_workspace(unique("elsewhere"))
    agent.is_refused("ERR_INVALID_PRINCIPAL")
