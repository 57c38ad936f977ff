"""Progress: to those who watch a workspace, or to the person it is for."""

from collections.abc import Sequence

from clients import InteropClient
from conftest import Make, Unique
from fabric import Fabric
from waiting import eventually


def sees(client: InteropClient, states: Sequence[str]) -> None:
    """Waits for as many updates; they must be these and no others."""
    eventually(lambda: len(client.told.progress) >= len(states), f"progress {states}")
    assert [update.state for update in client.told.progress] == list(states)


def test_progress_reaches_the_workspace_whole_but_not_who_reports_it(
    fabric: Fabric, make: Make, unique: Unique
) -> None:
    workspace = unique("progress")
    worker = make("Agent", workspace, "impl", "worker").connect(fabric.address(0))
    watcher = make("Agent", workspace, "impl", "watcher").connect(fabric.address(1))
    worker.report_progress(
        "task-1",
        state="running",
        completion=0.5,
        summary="half",
        step_name="reading",
        step_detail="page 3",
        step_sequence=1,
        step_total=2,
        step_type="processing",
        request_id="request-1",
        metadata={"colour": "green"},
    )
    sees(watcher, ["running"])
    (update,) = watcher.told.progress
    assert (update.source, update.workspace) == (f"ag::{workspace}::impl::worker", workspace)
    assert (update.task_id, update.request_id) == ("task-1", "request-1")
    assert (update.completion, update.summary) == (0.5, "half")
    assert (update.step.name, update.step.sequence, update.step.total_steps) == ("reading", 1, 2)
    assert dict(update.metadata) == {"colour": "green"}
    assert update.timestamp_ms > 0
    watcher.report_progress("task-2", state="watching")
    sees(worker, ["watching"])


def test_progress_for_a_person_reaches_all_windows_or_one(fabric: Fabric, make: Make, unique: Unique) -> None:
    workspace, person = unique("progress"), unique("person")
    task = make("Task", workspace, "impl", "task").connect(fabric.address(0))
    windows = [make("User", person, f"{n}").connect(fabric.address(n)) for n in range(2)]
    task.report_progress("t", state="for both", recipient=f"us::{person}")
    for window in windows:
        sees(window, ["for both"])
    task.report_progress("t", state="for one", recipient=f"us::{person}::1")
    task.report_progress("t", state="for both again", recipient=f"us::{person}")
    sees(windows[1], ["for both", "for one", "for both again"])
    sees(windows[0], ["for both", "for both again"])


def test_people_do_not_report_progress(fabric: Fabric, make: Make, unique: Unique) -> None:
    window = make("User", unique("person"), "window").connect(fabric.address())
    window.report_progress("t", recipient=f"us::{window.published.user_id}")
    window.is_refused("ERR_INVALID_PRINCIPAL")
