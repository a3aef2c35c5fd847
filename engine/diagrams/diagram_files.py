"""Files of a diagram: bytes → XML without entities, DTDs or network, and what to call an element.

Whatever is wrong with a file is a `BadDefinition` with one sentence on how to mend it.
"""

from __future__ import annotations

import re

from lxml import etree

from engine.errors import BadDefinition, Problem

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
SPIFF = "http://spiffworkflow.org/bpmn/schema/1.0/core"
NS = {"bpmn": BPMN, "spiff": SPIFF}
FILE_BYTES_MAX = 2_000_000
LABEL_CHARS_MAX = 40  # of a name in a sentence


def read_xml(name: str, content: bytes) -> etree._Element:
    """Parse one file; BadDefinition with a sentence."""
    if len(content) > FILE_BYTES_MAX:
        raise bad("file.too_large", f"{name} 超过 2 MB，请检查是否选错了文件。")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise bad("file.entities", f"{name} 含有 DOCTYPE 或外部实体，请用流程设计器重新导出。")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        content.decode("utf-8")
        tree = etree.fromstring(content, parser)
        if (tree.getroottree().docinfo.encoding or "UTF-8").upper() not in ("UTF-8", "ASCII"):
            raise UnicodeError
        return tree
    except UnicodeError:
        raise bad("file.encoding", f"{name} 不是 UTF-8 编码，请用流程设计器重新导出。") from None
    except etree.XMLSyntaxError as error:
        line = error.lineno or 0
        raise bad(
            "file.xml", f"{name} 第 {line} 行不是有效的 XML，请用流程设计器重新导出。"
        ) from None


def bad(code: str, text: str, element: str | None = None) -> BadDefinition:
    return BadDefinition(Problem(code, text, element))


def tag(element: etree._Element) -> str:
    """`userTask` for an element of BPMN, "" for comments and for everything that is not BPMN."""
    if not isinstance(element.tag, str) or not element.tag.startswith(f"{{{BPMN}}}"):
        return ""
    return element.tag.rpartition("}")[2]


def label(element: etree._Element) -> str:
    """What people call the element: its name, or else its id."""
    name = re.sub(r"\s+", "", element.get("name") or "")
    return (name or element.get("id") or tag(element))[:LABEL_CHARS_MAX]


def owner(element: etree._Element, people_see: frozenset[str]) -> etree._Element:
    """The element people see: helpers such as a timer's definition lie in between."""
    for each in (element, *element.iterancestors()):
        if etree.QName(each).localname in people_see and each.get("id"):
            return each
    return element


def properties(element: etree._Element) -> dict[str, str]:
    """Our own properties of an element."""
    found = element.findall("bpmn:extensionElements/spiff:properties/spiff:property", NS)
    return {str(each.get("name")): str(each.get("value")) for each in found}
