"""A client lists what there is, over several pages."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.interop.talks import Talk

TOOLS = ["greet", "weigh", "divide", "countdown", "größe_in_字", "search", "refund", "introduce", "recall"]


def test_every_page_of_tools_is_listed(talk: "Talk") -> None:
    tools = {tool["name"]: tool for tool in talk.value("all_of", kind="tools")}
    assert list(tools) == TOOLS
    assert tools["weigh"] == {
        "name": "weigh",
        "description": "Weigh some items together.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "label": {"type": "string", "title": "Label"},
                "items": {"type": "array", "items": {"type": "integer"}, "title": "Items"},
            },
            "required": ["label", "items"],
            "title": "weighArguments",
        },
        "outputSchema": {
            "title": "Parcel",
            "description": "A parcel on a scale.",
            "type": "object",
            "properties": {
                "grams": {"type": "integer", "title": "Grams"},
                "label": {"type": "string", "title": "Label"},
                "fragile": {"type": "boolean", "title": "Fragile"},
            },
            "required": ["grams", "label", "fragile"],
        },
    }


def test_every_page_of_resources_is_listed(talk: "Talk") -> None:
    resources = talk.value("all_of", kind="resources")
    assert [resource["uri"] for resource in resources] == [
        "interop://notes/welcome",
        "interop://images/pixel.png",
        "interop://städte/zürich",
        "interop://notes/broken",
    ]
    assert resources[1] == {
        "name": "pixel",
        "uri": "interop://images/pixel.png",
        "description": "A binary.",
        "mimeType": "image/png",
        "size": 69,
    }


def test_templates_are_listed(talk: "Talk") -> None:
    (template,) = talk.value("all_of", kind="resourceTemplates")
    assert template["uriTemplate"] == "interop://cities/{city}/people/{number}"


def test_prompts_are_listed(talk: "Talk") -> None:
    (prompt,) = talk.value("all_of", kind="prompts")
    assert prompt["name"] == "letter"
    assert prompt["arguments"] == [{"name": "name", "required": True}, {"name": "tone", "required": False}]


def test_a_list_can_be_read_page_by_page(talk: "Talk") -> None:
    pages = talk.value("pages", kind="tools")
    if talk.client == "inspector":
        # The server would refuse a cursor that it has not given.
        assert [tool["name"] for tool in pages] == TOOLS
        talk.skip("follows the cursors of a list by itself, and ignores --cursor with tools/list")
    assert [[tool["name"] for tool in page] for page in pages] == [TOOLS[:3], TOOLS[3:6], TOOLS[6:]]
