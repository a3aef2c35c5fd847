"""Whatever happens to a good diagram on its way to us, it is deployed or refused in words."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lxml import etree

from engine.diagrams import lint
from engine.errors import BadDefinition
from tests.engine.test_equivalence import CORPUS
from tests.engine.twins import files_of

SECONDS_MAX = 10  # a hundred times what the slowest takes
MUTATIONS = 300
TEXTS = (
    ("", " ", "\u0661", "a b", "1 +", "__class__", "'", "R3/PT1S", '"P99999Y"', "9" * 30, "None")
    + ('"x" * 10**9', "[" * 200, "review", "fill", "\u202e", "\U0001f600", "true", "-1", "0")
)  # fmt: skip


@contextmanager
def in_time() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError("the deployment hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS_MAX)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def mutated(content: bytes, dice: random.Random) -> bytes:
    root = etree.fromstring(content)
    for _ in range(dice.randint(1, 3)):
        inner = [each for each in root.iter() if isinstance(each.tag, str) and each is not root]
        if inner:
            dice.choice(WAYS)(root, dice.choice(inner), dice)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def drop(_root: etree._Element, element: etree._Element, _dice: random.Random) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def double(_root: etree._Element, element: etree._Element, _dice: random.Random) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.append(etree.fromstring(etree.tostring(element)))


def move(root: etree._Element, element: etree._Element, dice: random.Random) -> None:
    """Somewhere else, but not into itself."""
    own = set(element.iter())
    others = [each for each in root.iter() if isinstance(each.tag, str) and each not in own]
    dice.choice(others).append(element)


def rename(root: etree._Element, element: etree._Element, dice: random.Random) -> None:
    """An element becomes another kind of element."""
    others = [each for each in root.iter() if isinstance(each.tag, str) and each is not root]
    element.tag = dice.choice(others).tag


def forget(_root: etree._Element, element: etree._Element, dice: random.Random) -> None:
    if element.attrib:
        del element.attrib[dice.choice(sorted(element.attrib))]


def retype(_root: etree._Element, element: etree._Element, dice: random.Random) -> None:
    if element.attrib:
        element.set(dice.choice(sorted(element.attrib)), dice.choice(TEXTS))


def exchange(root: etree._Element, element: etree._Element, dice: random.Random) -> None:
    """An attribute gets the value of some other attribute."""
    values = [value for each in root.iter() for value in each.attrib.values()]
    if element.attrib:
        element.set(dice.choice(sorted(element.attrib)), dice.choice(values))


def rewrite(_root: etree._Element, element: etree._Element, dice: random.Random) -> None:
    element.text = dice.choice(TEXTS)


WAYS = (drop, double, move, rename, forget, retype, exchange, rewrite)


def refusal(key: str, files: dict[str, bytes]) -> list[str]:
    """What deploying says, before it stores anything; nothing when it may be deployed."""
    with in_time():
        try:
            lint.examine(key, files)
        except BadDefinition as said:
            return [problem.text for problem in said.problems] or [""]
    return []


@pytest.mark.parametrize("batch", range(10))
def test_a_mutated_diagram_is_deployed_or_refused_in_words(batch: int) -> None:
    dice = random.Random(batch)
    refused = 0
    for _ in range(MUTATIONS // 10):
        path = dice.choice(CORPUS)
        files = {name: mutated(content, dice) for name, content in files_of(path).items()}
        sentences = refusal(path.stem, files)
        refused += bool(sentences)
        assert all(text.endswith("。") for text in sentences), sentences
    assert refused > 10


@pytest.mark.parametrize("batch", range(4))
def test_bytes_that_were_damaged_are_deployed_or_refused_in_words(batch: int) -> None:
    dice = random.Random(100 + batch)
    for _ in range(25):
        path = dice.choice(CORPUS)
        content = bytearray(path.read_bytes())
        for _ in range(dice.randint(1, 4)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        sentences = refusal(path.stem, files_of(path) | {path.name: bytes(content)})
        assert all(text.endswith("。") for text in sentences), sentences
