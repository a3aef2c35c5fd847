"""Elements of a diagram that ours runs and the library does not, or runs wrongly.

`Parser` reads them, `adopt` turns a parsed process into one that runs on the engine's own clock,
with its own events, and that is never changed again: all requests of a version share it.
"""

from __future__ import annotations

from typing import Any

from SpiffWorkflow.bpmn.parser.BpmnParser import full_tag
from SpiffWorkflow.bpmn.parser.event_parsers import (
    CONDITIONAL_EVENT_XPATH,
    ERROR_EVENT_XPATH,
    ESCALATION_EVENT_XPATH,
    MESSAGE_EVENT_XPATH,
    SIGNAL_EVENT_XPATH,
    TIMER_EVENT_XPATH,
    EventBasedGatewayParser,
)
from SpiffWorkflow.bpmn.parser.task_parsers import ConditionalGatewayParser, GatewayParser
from SpiffWorkflow.bpmn.specs.defaults import (
    EndEvent,
    EventBasedGateway,
    IntermediateThrowEvent,
    StartEvent,
)
from SpiffWorkflow.bpmn.specs.event_definitions import conditional, multiple
from SpiffWorkflow.spiff.parser.event_parsers import (
    SpiffEndEventParser,
    SpiffIntermediateThrowEventParser,
    SpiffStartEventParser,
)
from SpiffWorkflow.spiff.parser.process import SpiffBpmnParser
from SpiffWorkflow.spiff.parser.task_spec import ServiceTaskParser, SubWorkflowParser
from SpiffWorkflow.spiff.specs import defaults as spiff
from SpiffWorkflow.spiff.specs import event_definitions as stock
from SpiffWorkflow.util.task import TaskState

from engine.errors import BpmnError
from engine.tokens import timer_events
from engine.tokens.bpmn_events import Conditional, Message, Several, Signal
from engine.tokens.joins import MergingInclusiveGateway, MergingParallelGateway
from engine.tokens.scopes import (
    Error,
    Escalation,
    EventHost,
    EventStart,
    PatientEnd,
    catchers,
    caught,
    hand_out,
)
from engine.tokens.workflow import connect_loops

STOPPED = "stopped"  # in the internal data of a token about to end
INSTANCES_MAX = 1_000  # of one multi-instance step: each is a token of its own


class EventGateway(EventBasedGateway):  # type: ignore[misc]
    """Goes on along the one event that came first."""

    def _run_hook(self, my_task: Any) -> bool:
        events = self.event_definition
        place = events.first(my_task)
        assert place is not None, "a gateway runs when one of its events has come"
        events.event_definitions[place].update_task_data(my_task)
        my_task._sync_children([self.outputs[place]], TaskState.FUTURE)
        for child in my_task.children:
            child.task_spec._predict(child, mask=TaskState.FUTURE | TaskState.PREDICTED_MASK)
        events.reset(my_task)
        return True


class _Stoppable:
    """A token that an error or an interrupting escalation of its own brings to an end."""

    def _stop(self, my_task: Any) -> None:
        my_task._set_internal_data(**{STOPPED: True})

    def _on_complete(self, my_task: Any) -> None:
        if not my_task.internal_data.pop(STOPPED, False):
            super()._on_complete(my_task)  # type: ignore[misc]
            return
        my_task._set_state(TaskState.CANCELLED)
        my_task._drop_children()


class _Throwing(_Stoppable):
    event_definition: Any

    def _run_hook(self, my_task: Any) -> bool:
        if self.event_definition.throw(my_task) is False:
            self._stop(my_task)
        return True


class ThrowEvent(_Throwing, IntermediateThrowEvent):  # type: ignore[misc]
    pass


class End(_Throwing, EndEvent):  # type: ignore[misc]
    pass


class ServiceTask(_Stoppable, spiff.ServiceTask):  # type: ignore[misc]
    """A service whose `BpmnError` the diagram catches: what it had written is undone, the error
    goes its way.  Only then does it cost a savepoint."""

    def _execute(self, task: Any) -> bool:
        engine = task.workflow.script_engine
        if engine.rehearsing or not any(catchers(task, Error)):
            return bool(super()._execute(task))
        try:
            with engine.rt.session.begin_nested():
                return bool(super()._execute(task))
        except BpmnError as error:
            thrown = Error(error.bpmn_code, code=error.bpmn_code)
            if not caught(task, thrown):
                raise
            hand_out(task, thrown, {"code": error.bpmn_code, "text": error.text})
        self._stop(task)  # an error always interrupts
        return True


class _Bounded:
    """A multi-instance step with an end."""

    data_input: Any
    cardinality: Any
    data_output: Any

    def _update_hook(self, my_task: Any) -> Any:
        if self.data_input is None:
            count = my_task.workflow.script_engine.evaluate(my_task, self.cardinality)
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                raise ValueError("the number of instances is a whole number")
        elif my_task.parent is not None:
            my_task._inherit_data()
            count = len(self.data_input.get(my_task))
        if count > INSTANCES_MAX:
            raise ValueError(f"more than {INSTANCES_MAX} instances of one step")
        return super()._update_hook(my_task)  # type: ignore[misc]

    def init_data_output_with_cardinality(self, my_task: Any) -> None:
        """The library stumbles over its own misspelling when the output is already there."""
        if not self.data_output.exists(my_task):
            self.data_output.set(my_task, [])
        elif self.data_output.get(my_task):
            raise ValueError("the output of a multi-instance step must be empty when it begins")


class Parallel(_Bounded, spiff.ParallelMultiInstanceTask):  # type: ignore[misc]
    pass


class Sequential(_Bounded, spiff.SequentialMultiInstanceTask):  # type: ignore[misc]
    def add_next_child(self, my_task: Any) -> None:
        """The library waits for ever when an item of the collection is None."""
        if self.data_input is None:
            key_or_index, item = self.get_next_index(my_task)
        else:
            key_or_index, item = self.get_next_input_item(my_task)
        self.create_child(my_task, item, key_or_index)


class _StartParser(SpiffStartEventParser):  # type: ignore[misc]
    def create_task(self) -> Any:
        """The library knows neither errors nor escalations here, nor `isInterrupting`."""
        waking = self.node.getparent().get("triggeredByEvent") == "true"
        if not waking:
            return super().create_task()
        definition = self.get_event_definition(
            [MESSAGE_EVENT_XPATH, SIGNAL_EVENT_XPATH, TIMER_EVENT_XPATH, CONDITIONAL_EVENT_XPATH]
            + [ERROR_EVENT_XPATH, ESCALATION_EVENT_XPATH]
        )
        self.spec_class = EventStart
        task = self._create_task(definition)
        task.interrupting = self.node.get("isInterrupting", "true") == "true"
        self.spec.start.connect(task)
        return task


class _EndParser(SpiffEndEventParser):  # type: ignore[misc]
    def create_task(self) -> Any:
        """The library knows no signal at the end."""
        if not self.xpath(SIGNAL_EVENT_XPATH):
            return super().create_task()
        task = self._create_task(self.get_event_definition([SIGNAL_EVENT_XPATH]))
        task.connect(self.spec.end)
        return task


class _ScopeParser(SubWorkflowParser):  # type: ignore[misc]
    def create_task(self) -> Any:
        if self.node.get("triggeredByEvent") == "true":
            self.spec_class = EventHost
        return super().create_task()


class Parser(SpiffBpmnParser):  # type: ignore[misc]
    """The library's Spiff dialect with our elements."""

    OVERRIDE_PARSER_CLASSES = {
        **SpiffBpmnParser.OVERRIDE_PARSER_CLASSES,
        full_tag("parallelGateway"): (GatewayParser, MergingParallelGateway),
        full_tag("inclusiveGateway"): (ConditionalGatewayParser, MergingInclusiveGateway),
        full_tag("eventBasedGateway"): (EventBasedGatewayParser, EventGateway),
        full_tag("startEvent"): (_StartParser, StartEvent),
        full_tag("endEvent"): (_EndParser, End),
        full_tag("intermediateThrowEvent"): (SpiffIntermediateThrowEventParser, ThrowEvent),
        full_tag("serviceTask"): (ServiceTaskParser, ServiceTask),
        full_tag("subProcess"): (_ScopeParser, spiff.SubWorkflowTask),
    }

    def get_document_positions(self, root: Any) -> dict[str, Any]:
        """Nowhere: the library asks the exits of a gateway in the order of how high their targets
        are drawn, and moving a box must not change what a process does.  The file's order holds."""
        return {}


# The library's parser offers no hook for these: their class is set once it is done.
_OURS = {
    stock.MessageEventDefinition: Message,
    stock.SignalEventDefinition: Signal,
    stock.ErrorEventDefinition: Error,
    stock.EscalationEventDefinition: Escalation,
    conditional.ConditionalEventDefinition: Conditional,
    multiple.MultipleEventDefinition: Several,
    spiff.ParallelMultiInstanceTask: Parallel,
    spiff.SequentialMultiInstanceTask: Sequential,
}


def adopt(spec: Any) -> None:
    """Make a parsed process ours; done once, before anybody uses it."""
    for task_spec in list(spec.task_specs.values()):
        _become(task_spec)
        definition = getattr(task_spec, "event_definition", None)
        if definition is not None:
            task_spec.event_definition = _definition(definition, task_spec)
        if isinstance(task_spec, EventGateway):
            events = task_spec.event_definition.event_definitions
            events[:] = [
                _definition(one, child, slot=f":{place}")
                for place, (one, child) in enumerate(zip(events, task_spec.outputs, strict=True))
            ]
    for name in dict.fromkeys(spec.start.trigger_specs):
        host = spec.task_specs[name]
        spec.start.connect(host)
        host.connect(spec.end)
    spec.start.trigger_specs = []
    if any(isinstance(task_spec, EventHost) for task_spec in spec.task_specs.values()):
        spec.end.__class__ = PatientEnd
    connect_loops(spec)


def _definition(definition: Any, task_spec: Any, slot: str = "") -> Any:
    definition = timer_events.ours(definition, slot)
    _become(definition)
    if isinstance(definition, timer_events.Every):
        definition.spawns = not isinstance(task_spec, EventStart)
    if isinstance(definition, Message | Signal):
        definition.slot = slot
        properties = getattr(task_spec, "extensions", {}).get("properties", {})
        definition.correlation = properties.get("correlation")
    if isinstance(definition, Conditional):
        definition.outside = isinstance(task_spec, EventStart)
    return definition


def _become(thing: Any) -> None:
    ours = _OURS.get(type(thing))
    if ours is not None:
        thing.__class__ = ours
