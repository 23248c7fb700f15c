"""RSX in XML brought into the shape that RSX has in JSON (sps.md §4.1a): names without prefix, values as text.

DTDs and entities are refused. Which names are lists is decided later, for both forms alike (envelope).
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.parsers.expat import ErrorString

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connector.errors import Unreadable
from connector.rsx.codes import DEEPEST

_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


def papers(content: bytes) -> tuple[list[tuple[str, Any]], list[str]]:
    """All papers of an XML file as (element name, tree or text), in order, and warnings.

    The root is either the plural that holds papers or one bare paper. Raises Unreadable with line and column.
    """
    root = _parsed(content)
    attributes: set[str] = set()
    found = [root] if _is_paper(root) else list(root)
    trees = [(_name(element), _value(element, attributes, 1)) for element in found]
    return trees, [f"Attributes are not read: {', '.join(sorted(attributes))}."] if attributes else []


def _parsed(content: bytes) -> Element:
    try:
        return fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise Unreadable("The XML declares a DTD or entities, which no RSX paper needs; it was not read.") from error
    except ParseError as error:
        line, column = error.position
        raise Unreadable(f"The XML breaks at line {line}, column {column + 1}: {ErrorString(error.code)}.") from error
    except (LookupError, ValueError) as error:
        raise Unreadable(f"The XML declares an encoding that cannot be read: {error}.") from error


def _is_paper(root: Element) -> bool:
    """Whether the root is itself a paper: a plural holds papers, that is elements with a Header or its singular."""
    children = [_name(child) for child in root]
    if not children and not (root.text or "").strip():
        return False
    if "Header" in children or "Meta" in children:
        return True
    plural = _name(root)
    return not any(
        plural == f"{_name(child)}s" or "Header" in (_name(grandchild) for grandchild in child) for child in root
    )


def _name(element: Element) -> str:
    # comments and processing instructions never get here: the parser's tree builder leaves them out
    return str(element.tag).rpartition("}")[2]


def _value(element: Element, attributes: set[str], depth: int) -> Any:
    """Text of a leaf, tree of a branch, None of an empty one; repeated elements become lists."""
    if depth > DEEPEST:
        raise Unreadable(f"The XML is nested more than {DEEPEST} levels deep at element {_name(element)}.")
    attributes.update(name.rpartition("}")[2] for name in element.attrib if not name.startswith(_XSI))
    if not len(element):
        return (element.text or "").strip() or None
    tree: dict[str, Any] = {}
    for child in element:
        value = _value(child, attributes, depth + 1)
        if value is not None:
            tree.setdefault(_name(child), []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in tree.items()} or None
