"""The labelling page of a protocol, in Label Studio's configuration language."""

from __future__ import annotations

from xml.etree import ElementTree

from queries.annotation.protocols import Protocol

_STYLE = (
    ".kg-box { padding: 12px 16px; border-radius: 6px; background: #f3f6f9; color: #1b1f24; "
    "white-space: pre-wrap; overflow-wrap: anywhere; font-size: 16px; line-height: 1.45; } "
    ".kg-said { padding: 12px 16px; margin: 12px 0; border-left: 4px solid #0072B2; "
    "font-size: 18px; white-space: pre-wrap; overflow-wrap: anywhere; } "
    ".kg-pictures { display: flex; flex-wrap: wrap; gap: 12px; margin: 12px 0; } "
    ".kg-verdict { color: #57606a; overflow-wrap: anywhere; }"
)


def configuration(protocol: Protocol, *, pictures: int) -> str:
    """Write the page: what is judged, and the questions with their choices.

    Parameters
    ----------
    protocol
        What is asked.
    pictures
        Images that a task has at most: ``$image1``, ``$image2``.
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Style").text = _STYLE
    head = "Post" if protocol.head_type == "Post" else "Bought together"
    _text(view, "head", head, "kg-box")
    if pictures:
        box = ElementTree.SubElement(view, "View", className="kg-pictures")
        for number in range(1, pictures + 1):
            ElementTree.SubElement(
                box, "Image", name=f"image{number}", value=f"$image{number}", width="320px",
                zoom="false", zoomControl="false", rotateControl="false",
            )  # fmt: skip
    _text(view, "said", "Why" if protocol.unit == "assertion" else "What was said", "kg-said")
    if protocol.aspect("rationale_right"):
        _text(view, "verdict", "The filter's verdict", "kg-verdict")
    for aspect in protocol.aspects:
        ElementTree.SubElement(view, "Header", value=aspect.question, size="5")
        control = ElementTree.SubElement(
            view, "Choices", name=aspect.name, toName="said", choice="single",
            showInline="true", required=str(aspect.required).lower(),
        )  # fmt: skip
        for label in aspect.choices:
            ElementTree.SubElement(control, "Choice", value=label)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _text(view: ElementTree.Element, name: str, heading: str, style: str) -> None:
    ElementTree.SubElement(view, "Header", value=heading, size="6")
    box = ElementTree.SubElement(view, "View", className=style)
    ElementTree.SubElement(box, "Text", name=name, value=f"${name}")
