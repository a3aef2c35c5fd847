"""A request in plain Python: what the core verbs may do, and what they leave behind.

It knows one diagram (`WALKED`) and is written from what people were promised, with dictionaries in
the place of tokens, tables and transactions.  A random walk holds the engine against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from engine import Actor
from engine.runtime import ADMIN
from tests.builders import diagrams
from tests.builders.diagrams import FIRST, OPERATOR, SECOND, flow, flows, gateway, lane, user
from tests.engine.hall import BRANCH

FIRSTS, SECONDS = ("a", "l1", "r", "z"), ("b", "l2")
ROLES = {"fill": OPERATOR} | dict.fromkeys(FIRSTS, FIRST) | dict.fromkeys(SECONDS, SECOND)
AFTER = {"fill": ["a"], "a": ["b"], "b": ["l1", "r"], "l1": ["l2"]}
JOINING = ("l2", "r")
REFUSING = ("a", "b")


def walked() -> bytes:
    """Two reviews that may refuse, two branches beside each other, a last review."""
    reviews = {"a": "初审", "b": "复核", "l1": "左一", "l2": "左二", "r": "右", "z": "终审"}
    return diagrams.process(
        "walked",
        diagrams.start(),
        diagrams.form("fill"),
        *(
            user(node, name, verbs="approve,return" + (",refuse" if node in REFUSING else ""))
            for node, name in reviews.items()
        ),
        gateway("gate_a", "b"),
        gateway("gate_b", "split"),
        gateway("split", kind="parallel"),
        gateway("join", kind="parallel"),
        diagrams.service("remind", "tests/note", "提醒", event="'reminder'"),
        diagrams.timer("due", "a", timeDate="before_due(8)"),
        diagrams.end("end_refused", outcome="refused"),
        diagrams.end("end_reminded"),
        diagrams.end(),
        flows("start", "fill", "a", "gate_a", "b", "gate_b", "split", "l1", "l2"),
        flows("l2", "join", "z", "end"),
        flow("gate_a", "end_refused", 'decision == "refuse"'),
        flow("gate_b", "end_refused", 'decision == "refuse"'),
        flows("split", "r", "join"),
        flows("due", "remind", "end_reminded"),
        lanes=lane(OPERATOR, "fill")
        + lane(FIRST, *FIRSTS, "due", "remind")
        + lane(SECOND, *SECONDS),
        due_working_days=3,
        in_flight="scope",
        withdraw="until_decided",
    )


@dataclass(eq=False)
class Token:
    """A step the request has come to; `done` when it has gone on from there."""

    node: str
    above: Token | None = None
    below: list[Token] = field(default_factory=list)
    done: bool = False
    assignee: str | None = None
    decided: list[int] = field(default_factory=list)  # when, every time it was

    def everything_below(self) -> Iterator[Token]:
        for token in self.below:
            yield token
            yield from token.everything_below()


@dataclass
class Undo:
    """Who returned it, from where, and how it stood before."""

    person: str
    token: Token
    shape: list[tuple[Token, list[Token], bool]]
    deciders: dict[str, tuple[str, str]]


@dataclass
class Request:
    """`deciders`: node → (person, what they did last)."""

    scope: str
    starter: str
    now: int = 0
    status: str = "running"
    joined: bool = False
    tokens: list[Token] = field(default_factory=list)
    deciders: dict[str, tuple[str, str]] = field(default_factory=dict)
    acts: list[tuple[int, str, str, Token]] = field(default_factory=list)
    undo: Undo | None = None  # of a return, until something moves

    @classmethod
    def filed(cls, scope: str, starter: Actor) -> Request:
        request = cls(scope, starter.id)
        form = Token("fill", assignee=starter.id)
        request.tokens.append(form)
        request.move_on(form)
        return request

    # ── what may be done ───────────────────────────────────────────────────────────────────────

    @property
    def running(self) -> bool:
        return self.status in ("running", "returned")

    @property
    def open(self) -> dict[str, Token]:
        return {token.node: token for token in self.tokens if not token.done and self.running}

    def holds(self, who: Actor, node: str) -> bool:
        own = self.scope if node == "fill" else f"branch:{BRANCH}"
        return who.holds(ROLES[node], own)

    def applicant(self, who: Actor) -> bool:
        return who.holds(OPERATOR, self.scope)

    def admin(self, who: Actor) -> bool:
        return who.holds(ADMIN, f"branch:{BRANCH}")

    def suits(self, who: Actor, node: str) -> bool:
        """Has the post, did not file it, and has decided no other step."""
        others = {person for each, (person, _) in self.deciders.items() if each != node}
        return self.holds(who, node) and who.id != self.starter and who.id not in others

    def works(self, who: Actor, node: str) -> bool:
        """May decide the open step, were it offered."""
        free = self.open[node].assignee in (None, who.id)
        return node != "fill" and free and self.suits(who, node)

    def may(self, verb: str, who: Actor, node: str, what: Any = None) -> bool:
        if not self.running:
            return False
        if verb in ("withdraw", "end", "take_back", "terminate"):
            of_request: Callable[[Actor], bool] = getattr(self, f"_may_{verb}")
            return of_request(who)
        of_step: Callable[[Actor, Token, Any], bool] = getattr(self, f"_may_{verb}")
        return node in self.open and of_step(who, self.open[node], what)

    def _may_claim(self, who: Actor, token: Token, _: Any) -> bool:
        return token.assignee is None and self.works(who, token.node)

    def _may_release(self, who: Actor, token: Token, _: Any) -> bool:
        return token.node != "fill" and token.assignee == who.id

    def _may_transfer(self, who: Actor, token: Token, to: Any) -> bool:
        sends = self.works(who, token.node) or (self.admin(who) and token.node != "fill")
        return sends and to.id != token.assignee and self.suits(to, token.node)

    def _may_approve(self, who: Actor, token: Token, _: Any) -> bool:
        return self.works(who, token.node)

    def _may_refuse(self, who: Actor, token: Token, _: Any) -> bool:
        return token.node in REFUSING and self.works(who, token.node)

    def _may_return(self, who: Actor, token: Token, target: Any) -> bool:
        return self.works(who, token.node) and target in self.places(token)

    def _may_submit(self, who: Actor, token: Token, _: Any) -> bool:
        return token.node == "fill" and self.applicant(who)

    def places(self, token: Token) -> list[str]:
        """Where it may be returned to: not out of a branch."""
        found = []
        while token.above is not None and token.node not in ("l1", "r", "z"):
            token = token.above
            found.append(token.node)
        return found

    def _may_withdraw(self, who: Actor) -> bool:
        return self.applicant(who) and self.status == "running" and not self.deciders

    def _may_end(self, who: Actor) -> bool:
        return self.applicant(who) and self.status == "returned"

    def _may_terminate(self, who: Actor) -> bool:
        return self.admin(who)

    def _may_take_back(self, who: Actor) -> bool:
        decided = who.id in {person for person, _ in self.deciders.values()}
        return (decided or self.applicant(who)) and self.takeable(who) is not None

    def takeable(self, who: Actor) -> Token | None:
        """The step this person did last, if nobody has gone on from it."""
        if self.undo is not None and self.undo.person == who.id:
            return self.undo.token
        seen: list[Token] = []
        for when, person, verb, token in reversed(self.acts):
            if person != who.id or verb == "return" or token in seen:
                continue
            seen.append(token)
            gone_on = any(at > when for each in token.everything_below() for at in each.decided)
            if token in self.tokens and token.done and not gone_on and not self.passed(token):
                return token
        return None

    def passed(self, token: Token) -> bool:
        """Have its branches met since?"""
        return self.joined and token.node != "z"

    # ── what it does ───────────────────────────────────────────────────────────────────────────

    def do(self, verb: str, who: Actor, node: str, what: Any = None) -> None:
        self.now += 1
        if verb in ("claim", "transfer", "release"):
            self.open[node].assignee = None if verb == "release" else (what or who).id
            return
        undo, self.undo = self.undo, None
        if verb in ("withdraw", "end", "terminate"):
            self.status = "withdrawn" if verb == "withdraw" else "ended"
        elif verb == "take_back" and undo is not None and undo.person == who.id:
            self._forward_again(undo)
        elif verb == "take_back":
            self.undo = undo
            token = self.takeable(who)
            assert token is not None
            self.reset(token)
            self.undo = None
        else:
            self._decide(verb, who, self.open[node], what)

    def _decide(self, verb: str, who: Actor, token: Token, what: Any) -> None:
        before = Undo(who.id, token, self._shape(), dict(self.deciders))
        token.decided.append(self.now)
        self.acts.append((self.now, who.id, verb, token))
        if token.node != "fill":
            self.deciders[token.node] = (who.id, verb)
        if verb == "return":
            self.reset(self._above(token, what))
            self.undo = before
        elif verb == "refuse":
            token.done, self.status = True, "refused"
        else:
            self.status = "running"
            self.move_on(token)

    def _shape(self) -> list[tuple[Token, list[Token], bool]]:
        return [(token, list(token.below), token.done) for token in self.tokens]

    def _forward_again(self, undo: Undo) -> None:
        for token, below, done in undo.shape:
            token.below, token.done = below, done
        self.tokens = [token for token, _, _ in undo.shape]
        self.deciders = undo.deciders | {undo.token.node: (undo.person, "again")}
        undo.token.assignee, self.status = undo.person, "running"

    def move_on(self, token: Token) -> None:
        token.done = True
        for node in AFTER.get(token.node, ()):
            token.below.append(self._arrive(Token(node, token)))
        if token.node == "z":
            self.status = "completed"
        by_node = {each.node: each for each in self.tokens}
        if token.node in JOINING and all(n in by_node and by_node[n].done for n in JOINING):
            self.joined = True
            self._arrive(Token("z"))

    def _arrive(self, token: Token) -> Token:
        token.assignee = self._whose(token.node)
        self.tokens.append(token)
        return token

    def _whose(self, node: str) -> str | None:
        if node == "fill":
            return self.starter
        person, last = self.deciders.get(node, ("", ""))
        return person if last in ("return", "again") else None

    def _above(self, token: Token, node: str) -> Token:
        while token.node != node:
            assert token.above is not None
            token = token.above
        return token

    def reset(self, token: Token) -> None:
        gone = list(token.everything_below())
        self.tokens = [each for each in self.tokens if each not in gone]
        token.below, token.done = [], False
        if token.node in self.deciders:
            self.deciders[token.node] = (self.deciders[token.node][0], "again")
        token.assignee = self._whose(token.node)
        self.status = "returned" if token.node == "fill" else "running"
