"""Diagrams drawn or written wrongly: each with the sentence and the element its refusal must name.

Those that break a rule of the house are in `broken`.
"""

from __future__ import annotations

from tests.builders import diagrams
from tests.builders.diagrams import (
    catch_timer,
    end,
    flow,
    flows,
    form,
    gateway,
    process,
    script,
    service,
    start,
    user,
)
from tests.engine.broken import LANES, REVIEW, STRAIGHT, plain


def event(
    kind: str, node: str, name: str, inner: str, *, on: str = "", beside: bool = False
) -> str:
    """An event as it may be drawn wrongly; `on` is the step it is attached to."""
    more = f" attachedToRef='{on}'" if on else ""
    more += " cancelActivity='false'" if beside else ""
    return f"<{kind} id='{node}' name='{name}'{more}>{inner}</{kind}>"


def nested(depth: int) -> bytes:
    """Sub-processes in sub-processes; the innermost is part0."""
    inner = ""
    for level in range(depth):
        begin, finish = f"b{level}", f"f{level}"
        way = flows(begin, f"part{level - 1}", finish) if level else flows(begin, finish)
        parts = (start(begin), inner, end(finish), way)
        inner = diagrams.subprocess(f"part{level}", *parts, name=f"第{level}层")
    return plain(inner, way=flows("fill", f"part{depth - 1}", "end"))


W = flows("fill", "w", "end")
TIMER = "<timerEventDefinition><timeDuration>&quot;P1D&quot;</timeDuration></timerEventDefinition>"
CONDITION = "<conditionalEventDefinition><condition>values</condition></conditionalEventDefinition>"


MISDRAWN: dict[str, tuple[bytes, str, str | None]] = {
    "two start events": (
        plain(start("start2"), REVIEW, way=STRAIGHT + flows("start2", "review")),
        "流程有 2 个开始事件，请只保留一个",
        "start2",
    ),
    "a start that waits": (
        plain(way=flows("fill", "end"), begin=event("startEvent", "start", "每天", TIMER)),
        "“每天”不能带触发条件",
        "start",
    ),
    "no end": (
        process("p", start(), form("fill"), flows("start", "fill"), lanes=LANES),
        "流程缺少结束事件",
        "p",
    ),
    "unreachable": (
        plain(
            REVIEW, user("lost", "孤立审核", verbs="approve"), way=STRAIGHT + flows("lost", "end")
        ),
        "“孤立审核”走不到",
        "lost",
    ),
    "double id": (
        plain(REVIEW, script("review", "a = 1", "另一步"), way=STRAIGHT),
        "id “review”重复",
        "review",
    ),
    "plain task": (
        plain("<task id='some' name='某事'/>", way=flows("fill", "some", "end")),
        "“某事”没有选择任务类型",
        "some",
    ),
    "ad hoc": (
        plain("<adHocSubProcess id='some' name='随意'/>", way=flows("fill", "some", "end")),
        "“随意”是临时子流程",
        "some",
    ),
    "compensation": (
        plain(
            REVIEW,
            event("boundaryEvent", "undo", "撤销", "<compensateEventDefinition/>", on="review"),
            way=STRAIGHT + flows("undo", "end"),
        ),
        "“撤销”是补偿事件",
        "undo",
    ),
    "link": (
        plain(
            event("intermediateThrowEvent", "jump", "跳转", "<linkEventDefinition name='x'/>"),
            way=flows("fill", "jump", "end"),
        ),
        "“跳转”是链接事件.*直接用连线",
        "jump",
    ),
    "data store": (
        plain(REVIEW, "<dataStoreReference id='store' name='台账'/>", way=STRAIGHT),
        "“台账”是数据存储",
        "store",
    ),
    "no default way": (
        plain(
            gateway("gate"),
            REVIEW,
            way=flows("fill", "gate")
            + flow("gate", "review", "a > 1")
            + flow("gate", "end", "a < 1")
            + flows("review", "end"),
        ),
        "“gate”没有默认出口",
        "gate",
    ),
    "default way of another": (
        plain(
            gateway("gate", "nowhere"),
            REVIEW,
            way=flows("fill", "gate", "end") + flow("gate", "review", "a") + flows("review", "end"),
        ),
        "“gate”的默认出口不存在",
        "gate",
    ),
    "way without condition": (
        plain(
            gateway("gate", "end"),
            REVIEW,
            end("end2"),
            way=flows("fill", "gate", "end") + flows("gate", "review", "end2"),
        ),
        "“gate”到“材料审核”的出口没有条件",
        "gate__review",
    ),
    "refused, but another way is taken first": (
        plain(
            user("review", "材料审核"),
            gateway("gate", "end"),
            end("end2"),
            end("end3"),
            way=flows("fill", "review", "gate", "end")
            + flow("gate", "end2", 'review == "one"')
            + flow("gate", "end3", 'decision == "refuse"'),
        ),
        "“材料审核”被驳回时，后面的网关会先走另一个条件成立的出口",
        "review",
    ),
    "condition behind a step": (
        plain(REVIEW, way=flow("fill", "review", "a > 1") + flows("review", "end")),
        "“填写申请”的出口写了条件，但条件只在排他或包容网关后有效",
        "fill__review",
    ),
    "boundary without a way": (
        plain(REVIEW, event("boundaryEvent", "late", "超时", TIMER, on="review"), way=STRAIGHT),
        "“超时”没有出口",
        "late",
    ),
    "boundary of nothing": (
        plain(
            REVIEW,
            event("boundaryEvent", "late", "超时", TIMER, on="gone"),
            way=STRAIGHT + flows("late", "end"),
        ),
        "“超时”没有附在步骤上",
        "late",
    ),
    "boundary without event": (
        plain(
            REVIEW,
            event("boundaryEvent", "late", "超时", "", on="review"),
            way=STRAIGHT + flows("late", "end"),
        ),
        "“超时”没有选择事件类型",
        "late",
    ),
    "two events in one": (
        plain(event("intermediateCatchEvent", "w", "等待", TIMER + CONDITION), way=W),
        "“等待”有多个触发条件",
        "w",
    ),
    "error in the middle": (
        plain(event("intermediateCatchEvent", "w", "等待", "<errorEventDefinition/>"), way=W),
        "“等待”不能是错误事件",
        "w",
    ),
    "error that does not interrupt": (
        plain(
            service("svc", "tests/echo", "扣款"),
            event(
                "boundaryEvent", "e", "余额不足", "<errorEventDefinition/>", on="svc", beside=True
            ),
            way=flows("fill", "svc", "end") + flows("e", "end"),
        ),
        "“余额不足”是错误事件，总会中断",
        "e",
    ),
    "message without choice": (
        plain(event("intermediateCatchEvent", "w", "等待", "<messageEventDefinition/>"), way=W),
        "“等待”没有选择消息",
        "w",
    ),
    "message that is not there": (
        plain(
            event(
                "intermediateCatchEvent", "w", "等待", "<messageEventDefinition messageRef='x'/>"
            ),
            way=W,
        ),
        "“等待”引用的消息“x”不存在",
        "w",
    ),
    "message without name": (
        plain("<receiveTask id='w' name='等回执' messageRef='m'/>", way=W).replace(
            b"<process", b"<message id='m'/><process", 1
        ),
        "“等回执”的消息没有名称",
        "w",
    ),
    "nothing to send": (
        plain("<sendTask id='w' name='通知银行'/>", way=W),
        "“通知银行”没有选择消息",
        "w",
    ),
    "signal that is not there": (
        plain(
            event("intermediateThrowEvent", "w", "广播", "<signalEventDefinition signalRef='x'/>"),
            way=W,
        ),
        "“广播”引用的信号“x”不存在",
        "w",
    ),
    "correlation": (
        plain(
            "<receiveTask id='w' name='等回执' messageRef='m'><extensionElements>"
            "<spiffworkflow:properties><spiffworkflow:property name='correlation' value='1 +'/>"
            "</spiffworkflow:properties></extensionElements></receiveTask>",
            way=W,
        ).replace(b"<process", b"<message id='m' name='r'/><process", 1),
        "“等回执”的表达式“1 \\+”不能用",
        "w",
    ),
    "misspelt property of an event": (
        plain(
            "<endEvent id='end2' name='办结'><extensionElements><spiffworkflow:properties>"
            "<spiffworkflow:property name='outcom' value='refused'/>"
            "</spiffworkflow:properties></extensionElements></endEvent>",
            REVIEW,
            way=flows("fill", "review", "end2"),
        ),
        "“办结”的属性“outcom”不认识",
        "end2",
    ),
    "timer without time": (
        plain(event("intermediateCatchEvent", "w", "等待", "<timerEventDefinition/>"), way=W),
        "“等待”要有且只有一个时间",
        "w",
    ),
    "timer without zone": (
        plain(catch_timer("w", timeDate='"2026-07-18T08:00:00"'), way=W),
        "“w”的时间.*不能识别",
        "w",
    ),
    "timer that is no time": (
        plain(catch_timer("w", timeDuration='"three days"'), way=W),
        '“w”的时间“"three days"”不能识别',
        "w",
    ),
    "rounds in the middle": (
        plain(catch_timer("w", timeCycle='"R3/PT1H"'), way=W),
        "“w”不能循环定时",
        "w",
    ),
    "rounds that interrupt": (
        plain(
            REVIEW,
            diagrams.timer("late", "review", interrupting=True, timeCycle='"R3/PT1H"'),
            way=STRAIGHT + flows("late", "end"),
        ),
        "“late”不能循环定时",
        "late",
    ),
    "rounds every second": (
        plain(
            REVIEW,
            diagrams.timer("late", "review", timeCycle='"R/PT1S"'),
            way=STRAIGHT + flows("late", "end"),
        ),
        "“late”的时间.*每轮至少一分钟",
        "late",
    ),
    "script of nothing": (
        plain("<scriptTask id='w' name='计算'/>", way=W),
        "“计算”的脚本是空的",
        "w",
    ),
    "condition of nothing": (
        plain(event("intermediateCatchEvent", "w", "等待", "<conditionalEventDefinition/>"), way=W),
        "“等待”没有写条件",
        "w",
    ),
    "bad script": (
        plain(script("w", "import os"), way=W),
        "“计算”的表达式“import os”不能用",
        "w",
    ),
    "many of nothing": (
        plain(
            "<scriptTask id='w' name='逐项'><script>a = 1</script>"
            "<multiInstanceLoopCharacteristics/></scriptTask>",
            way=W,
        ),
        "“逐项”是多实例，请填写次数或集合之一",
        "w",
    ),
    "far too many": (
        plain(
            "<scriptTask id='w' name='逐项'><script>a = 1</script>"
            "<multiInstanceLoopCharacteristics><loopCardinality>999999999</loopCardinality>"
            "</multiInstanceLoopCharacteristics></scriptTask>",
            way=W,
        ),
        "“逐项”的次数应为 0 到 1000",
        "w",
    ),
    "loop without end": (
        plain(
            "<scriptTask id='w' name='反复'><script>a = 1</script>"
            "<standardLoopCharacteristics/></scriptTask>",
            way=W,
        ),
        "“反复”是循环，请填写最多次数",
        "w",
    ),
    "event gateway before a step": (
        plain(
            gateway("gate", kind="eventBased"),
            REVIEW,
            catch_timer("w", timeDuration='"P1D"'),
            way=flows("fill", "gate", "review", "end") + flows("gate", "w", "end"),
        ),
        "事件网关“gate”后面的“材料审核”不是捕获事件",
        "review",
    ),
    "nested too deep": (nested(6), "是第 6 层子流程", "part0"),
    "too many elements": (
        plain(*(script(f"s{n}", "a = 1") for n in range(401)), way=flows("fill", "end")),
        "流程共有 404 个元素，超过 400 个",
        None,
    ),
    "too long a way": (
        plain(
            *(script(f"s{n}", "a = 1") for n in range(150)),
            way=flows("fill", *(f"s{n}" for n in range(150)), "end"),
        ),
        "一条路上有 153 个元素，超过 120 个",
        "p",
    ),
    "deep XML": (
        b"<definitions>" + b"<a>" * 5_000 + b"</a>" * 5_000 + b"</definitions>",
        "不是有效的 XML",
        None,
    ),
    "10 MB": (b"<definitions>" + b"<a/>" * 2_500_000 + b"</definitions>", "超过 2 MB", None),
    "not executable": (
        plain(REVIEW, way=STRAIGHT).replace(b"isExecutable='true'", b"isExecutable='false'"),
        "没有勾选可执行",
        "p",
    ),
    "a circle nobody leaves": (
        plain(
            gateway("join"),
            REVIEW,
            way=flows("fill", "join", "review", "join") + flow("join", "end"),
        ).replace(b"exclusiveGateway", b"parallelGateway"),
        "“join”在一个走不出去的循环里|“材料审核”在一个走不出去的循环里",
        None,
    ),
}
