"""Small diagrams in the Spiff dialect, written as one would draw them: parts first, then flows."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
SPIFF = "http://spiffworkflow.org/bpmn/schema/1.0/core"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
OPERATOR, FIRST, SECOND = "单位经办人", "归集审核岗", "归集复核岗"


def process(
    key: str, *parts: str, name: str = "测试业务", lanes: str = "", **props: object
) -> bytes:
    """A file with one process; `lanes` as `lane()` writes them."""
    inside = _properties(props) + (f"<laneSet id='lanes'>{lanes}</laneSet>" if lanes else "")
    body = f"<process id={quoteattr(key)} name={quoteattr(name)} isExecutable='true'>{inside}"
    return definitions(body + "".join(parts) + "</process>")


def definitions(body: str) -> bytes:
    return (
        "<?xml version='1.0' encoding='UTF-8'?>"
        f"<definitions xmlns='{BPMN}' xmlns:spiffworkflow='{SPIFF}' xmlns:xsi='{XSI}'"
        f" id='definitions' targetNamespace='urn:hall'>{body}</definitions>"
    ).encode()


def lane(name: str, *nodes: str) -> str:
    refs = "".join(f"<flowNodeRef>{node}</flowNodeRef>" for node in nodes)
    return f"<lane id={quoteattr('lane_' + name)} name={quoteattr(name)}>{refs}</lane>"


def start(node: str = "start") -> str:
    return f"<startEvent id='{node}'/>"


def end(node: str = "end", **props: object) -> str:
    return f"<endEvent id='{node}'>{_properties(props)}</endEvent>"


def form(node: str, name: str = "填写申请", **props: object) -> str:
    return user(node, name, **({"form": "tests.Form"} | props))


def user(node: str, name: str, **props: object) -> str:
    return f"<userTask id='{node}' name={quoteattr(name)}>{_properties(props)}</userTask>"


def script(node: str, text: str, name: str = "计算") -> str:
    return f"<scriptTask id='{node}' name='{name}'><script>{escape(text)}</script></scriptTask>"


def service(node: str, operation: str, name: str = "生效", **params: str) -> str:
    """`params` are expressions."""
    given = "".join(
        f"<spiffworkflow:parameter id='{each}' type='str' value={quoteattr(text)}/>"
        for each, text in params.items()
    )
    operator = (
        f"<spiffworkflow:serviceTaskOperator id='{operation}' resultVariable='{node}_result'>"
        f"<spiffworkflow:parameters>{given}</spiffworkflow:parameters>"
        "</spiffworkflow:serviceTaskOperator>"
    )
    inner = f"<extensionElements>{operator}</extensionElements>"
    return f"<serviceTask id='{node}' name='{name}'>{inner}</serviceTask>"


def gateway(node: str, default: str = "", kind: str = "exclusive") -> str:
    """`default` is the target of the default flow."""
    way = f" default='{node}__{default}'" if default else ""
    return f"<{kind}Gateway id='{node}'{way}/>"


def flow(source: str, target: str, when: str = "") -> str:
    condition = (
        f"<conditionExpression xsi:type='tFormalExpression'>{escape(when)}</conditionExpression>"
        if when
        else ""
    )
    ends = f"sourceRef='{source}' targetRef='{target}'"
    return f"<sequenceFlow id='{source}__{target}' {ends}>{condition}</sequenceFlow>"


def flows(*nodes: str) -> str:
    """A straight way along the nodes."""
    return "".join(flow(a, b) for a, b in zip(nodes, nodes[1:], strict=False))


def timer(node: str, on: str, *, interrupting: bool = False, **when: str) -> str:
    """`when` is one of timeDate, timeDuration, timeCycle."""
    ((kind, text),) = when.items()
    definition = f"<{kind} xsi:type='tFormalExpression'>{escape(text)}</{kind}>"
    cancel = str(interrupting).lower()
    return (
        f"<boundaryEvent id='{node}' attachedToRef='{on}' cancelActivity='{cancel}'>"
        f"<timerEventDefinition id='{node}_timer'>{definition}</timerEventDefinition>"
        "</boundaryEvent>"
    )


def subprocess(node: str, *parts: str, name: str = "分段") -> str:
    """A sub-process; `parts` are its own start, steps, end and flows."""
    return f"<subProcess id='{node}' name={quoteattr(name)}>{''.join(parts)}</subProcess>"


def for_each(node: str, name: str, items: str, *, sequential: bool = False, **props: object) -> str:
    """A user task once for every item; each leaves `item_out`, collected in `results`."""
    return (
        f"<userTask id='{node}' name={quoteattr(name)}>{_properties(props)}"
        f"<multiInstanceLoopCharacteristics isSequential='{str(sequential).lower()}'>"
        f"<loopDataInputRef>{items}</loopDataInputRef>"
        "<loopDataOutputRef>results</loopDataOutputRef>"
        "<inputDataItem id='item' name='item'/><outputDataItem id='item_out' name='item_out'/>"
        "</multiInstanceLoopCharacteristics></userTask>"
    )


def catch_timer(node: str, **when: str) -> str:
    """An intermediate event; `when` is one of timeDate, timeDuration, timeCycle."""
    ((kind, text),) = when.items()
    definition = f"<{kind} xsi:type='tFormalExpression'>{escape(text)}</{kind}>"
    return (
        f"<intermediateCatchEvent id='{node}'><timerEventDefinition id='{node}_timer'>"
        f"{definition}</timerEventDefinition></intermediateCatchEvent>"
    )


def two_reviews(key: str = "two_reviews", *, name: str = "测试业务", **props: object) -> bytes:
    """The shape of most of our services: a form, two reviews, an operation; a way to refuse."""
    settings = {"due_working_days": 3, "in_flight": "scope", "withdraw": "until_decided"} | props
    return process(
        key,
        start(),
        form("fill"),
        user("review1", "初审"),
        gateway("gate1", "review2"),
        user("review2", "复核"),
        gateway("gate2", "apply"),
        service("apply", "tests/apply", "变更生效"),
        service("tell", "tests/note", "通知驳回", event="'refused'"),
        service("remind", "tests/note", "到期提醒", event="'reminder'"),
        timer("due1", "review1", timeDate="before_due(8)"),
        timer("due2", "review2", timeDate="before_due(8)"),
        end(),
        end("end_refused", outcome="refused"),
        end("end_reminded"),
        flows("start", "fill", "review1", "gate1"),
        flow("gate1", "tell", 'decision == "refuse"'),
        flows("gate1", "review2", "gate2"),
        flow("gate2", "tell", 'decision == "refuse"'),
        flows("gate2", "apply", "end"),
        flows("tell", "end_refused"),
        flows("due1", "remind"),
        flows("due2", "remind", "end_reminded"),
        name=name,
        lanes=lane(OPERATOR, "start", "fill")
        + lane(FIRST, "review1", "gate1", "due1", "remind")
        + lane(SECOND, "review2", "gate2", "due2", "apply"),
        **settings,
    )


def one_review(
    key: str = "one_review",
    *,
    between: str = "",
    way: str = "",
    straight: str = "true",
    **props: object,
) -> bytes:
    """A form, one review that can only agree or return, and `between` it and the end what a test
    wants to see run: `way` is the flow through it, starting at `review`."""
    return process(
        key,
        start(),
        form("fill"),
        user("review", "审核", verbs="approve,return", straight=straight),
        between,
        end(),
        flows("start", "fill", "review"),
        way or flows("review", "end"),
        lanes=lane(OPERATOR, "fill") + lane(FIRST, "review"),
        **props,
    )


def joint_review(
    key: str = "joint_review", *, sign: str, signers: str, final: str = "复核", **props: object
) -> bytes:
    """A form, a vote (`joint`) that may be refused, and a last review by one person."""
    return process(
        key,
        start(),
        form("fill"),
        user("joint", "会签", sign=sign, signers=signers, **props),
        gateway("gate", "last"),
        user("last", final, verbs="approve,return"),
        end(),
        end("end_refused", outcome="refused"),
        flows("start", "fill", "joint", "gate"),
        flow("gate", "end_refused", 'decision == "refuse"'),
        flows("gate", "last", "end"),
        lanes=lane(OPERATOR, "fill") + lane(FIRST, "joint") + lane(SECOND, "last"),
        withdraw="until_decided",
    )


def picked(key: str = "handpicked", *, before: str = "", **props: object) -> bytes:
    """A form and two reviews; `props` say whose the second one (`picked`) is, and `before` is a
    script that runs in front of it."""
    return process(
        key,
        start(),
        form("fill"),
        user("review", "审核", verbs="approve,return"),
        script("prepare", before or "pass"),
        user("picked", "指定办理", **({"verbs": "approve,return"} | props)),
        end(),
        flows("start", "fill", "review", "prepare", "picked", "end"),
        lanes=lane(OPERATOR, "fill") + lane(FIRST, "review", "prepare") + lane(SECOND, "picked"),
    )


def two_branches(
    key: str = "branches", *, right: dict[str, object] | None = None, **final: object
) -> bytes:
    """A form, then `left1` and `left2` beside `right`, a join and a last review (`final` are its
    properties)."""
    return process(
        key,
        start(),
        form("fill"),
        gateway("split", kind="parallel"),
        user("left1", "左一", verbs="approve,return"),
        user("left2", "左二", verbs="approve,return"),
        user("right", "右", **({"verbs": "approve,return"} | (right or {}))),
        gateway("join", kind="parallel"),
        user("final", "终审", **({"verbs": "approve,return"} | final)),
        end(),
        flows("start", "fill", "split", "left1", "left2", "join", "final", "end"),
        flows("split", "right", "join"),
        lanes=lane(OPERATOR, "fill")
        + lane(FIRST, "left1", "right", "final")
        + lane(SECOND, "left2"),
    )


def annotated(diagram: bytes, node: str, **props: object) -> bytes:
    """A drawn diagram with these properties on one of its user tasks that had none."""
    head, opening, rest = diagram.decode().partition(f'<bpmn:userTask id="{node}"')
    assert opening, f"{node} is no user task of this diagram"
    opened, _, after = rest.partition(">")
    added = _properties(props).replace("extensionElements", "bpmn:extensionElements")
    return f"{head}{opening}{opened}>{added}{after}".encode()


def _properties(props: dict[str, object]) -> str:
    """None takes a property away that a builder gives."""
    props = {key: value for key, value in props.items() if value is not None}
    if not props:
        return ""
    inner = "".join(
        f"<spiffworkflow:property name={quoteattr(key)} value={quoteattr(str(value))}/>"
        for key, value in props.items()
    )
    return (
        "<extensionElements><spiffworkflow:properties>"
        f"{inner}</spiffworkflow:properties></extensionElements>"
    )
