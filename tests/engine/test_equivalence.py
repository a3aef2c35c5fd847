"""Every small diagram of the corpus runs like the library runs it: same path, data and tokens,
though ours is saved and loaded before every step.  Where ours is different on purpose, it says why
and what it does instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from SpiffWorkflow.exceptions import WorkflowException

from tests.engine.twins import Happening, Ours, Stock, run

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.bpmn"))
MESSAGE: Happening = ("message", "回执")
LATE: Happening = ("hours", 6)

# what happens while nothing can be done automatically; afterwards people do their steps
STORIES: dict[str, tuple[Happening, ...]] = {
    "each_boundary": (LATE,),
    "each_part_boundary": (LATE,),
    "events_message": (("message", "同意"),),
    "events_receive": (MESSAGE,),
    "events_signal": (("signal", "停办"),),
    "events_timer": (LATE,),
    "events_two_timers": (("hours", 3),),
    "handler_cycle": (("hours", 1),) * 3,
    "handler_in_part": (MESSAGE,),
    "handler_message": (MESSAGE,),
    "handler_message_beside": (MESSAGE, MESSAGE),
    "handler_signal": (("signal", "停办"),),
    "handler_timer": (LATE,),
    "handler_timer_beside": (LATE,),
    "message_beside": (MESSAGE,),
    "message_boundary": (MESSAGE,),
    "message_catch": (MESSAGE,),
    "signal_boundary": (("signal", "停办"),),
    "signal_catch": (("signal", "停办"),),
    "task_receive": (("message", "银行回执"),),
    "timer_beside": (LATE,),
    "timer_boundary": (LATE,),
    "timer_cycle": (("hours", 1),) * 4,
    "timer_date": (("hours", 24),),
    "timer_duration": (("hours", 27),),
    "timer_in_part": (("people", 1), LATE),
    "timer_on_part": (LATE,),
    "timer_past": (("hours", 1),),
}

SCOPED = "库把错误交给整件业务里所有的监听者，并先让子流程走完；我们由内向外找，并立即停下子流程"
WAKES = "库只会按定时启动事件子流程，不中断外层，也不等其他步骤；我们按标准唤醒、中断、办结"
DATA = "库的条件事件只看令牌到达时的数据，永远不变；我们看各步骤写下的最新数据"
# name: why ours is different, and the elements it passes
DIFFERENT: dict[str, tuple[str, str]] = {
    "condition_boundary": (DATA, "start fill fork review count end enough end_enough"),
    "condition_catch": (DATA, "start fill fork review count wait join end"),
    "each_part_boundary": (
        "库取消多实例子流程后找不到自己的任务而出错",
        "start fill p_start p_start p_start late remember end_late",
    ),
    "each_with_a_gap": (
        "库在集合里遇到空值时永远等待",
        "start fill work work work work review end",
    ),
    "error_any": (SCOPED, "start fill p_start review p_bad bad remember end_bad"),
    "error_boundary": (SCOPED, "start fill p_start review p_bad bad remember end_bad"),
    "error_by_code": (SCOPED, "start fill p_start review p_bad bad2 second end2"),
    "error_from_within": (SCOPED, "start fill o_start p_start review p_bad bad remember end_bad"),
    "events_two_timers": (
        "库让同一网关后的两个定时共用一个时间",
        "start fill choose short did_short end_short",
    ),
    "handler_condition": (WAKES, "start fill count handler_start h_script h_end handler"),
    "handler_cycle": (
        WAKES,
        "start fill handler_start h_script h_end handler"
        " handler_start h_script h_end handler review end",
    ),
    "handler_error": (WAKES, "start fill review bad handler_start h_script h_end handler"),
    "handler_escalation": (
        WAKES,
        "start fill raise handler_start h_script h_end handler review end",
    ),
    "handler_in_part": (WAKES, "start fill p_start handler_start h_script h_end handler part end"),
    "handler_message": (WAKES, "start fill handler_start h_script h_end handler"),
    "handler_message_beside": (
        WAKES,
        "start fill handler_start h_script h_end handler"
        " handler_start h_script h_end handler review end",
    ),
    "handler_signal": (WAKES, "start fill handler_start h_script h_end handler"),
    "handler_sleeps": (WAKES, "start fill review end"),
    "handler_timer": (WAKES, "start fill handler_start h_script h_end handler"),
    "parallel_data": (
        "库的并行汇合只留最后一支的数据；我们与分叉处三方合并",
        "start fill fork left right join end",
    ),
    "signal_end": ("库不认识信号结束事件，直接走过", "start fill fork review told wait end"),
}
FAILING = ("each_part_boundary",)  # the library raises
INNER = ("Start", "End", ".EndJoin", ".BoundaryEventSplit", ".BoundaryEventJoin")


def drawn(path: list[str]) -> list[str]:
    """The path without what the library adds between the elements."""
    return [name.removesuffix(" [child]") for name in path if not name.endswith(INNER)]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_ours_saved_and_loaded_before_every_step_runs_like_the_library(path: Path) -> None:
    story = STORIES.get(path.stem, ())
    ours = run(Ours, path, story)
    assert ours.completed, ours.path
    if path.stem not in DIFFERENT:
        assert ours.seen == run(Stock, path, story).seen
        return
    _, expected = DIFFERENT[path.stem]
    assert drawn(ours.path) == expected.split()
    if path.stem in FAILING:
        with pytest.raises(WorkflowException):
            run(Stock, path, story)
    else:
        assert run(Stock, path, story).seen != ours.seen, "no longer different: say so above"


def test_the_corpus_is_large_and_every_note_belongs_to_a_diagram() -> None:
    names = {path.stem for path in CORPUS}
    assert len(names) > 80
    assert names >= STORIES.keys() | DIFFERENT.keys()
    assert all(len(reason) > 10 for reason, _ in DIFFERENT.values())


def test_branches_that_join_keep_what_each_has_written() -> None:
    path = next(path for path in CORPUS if path.stem == "parallel_data")
    assert run(Ours, path, ()).data["rounds"] == 99
    assert run(Stock, path, ()).data["rounds"] == 3
