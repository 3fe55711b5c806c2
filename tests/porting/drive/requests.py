"""The requests that are made of a server: by what the original lists, and what stands in its source."""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

from tests.porting.drive import samples
from tests.porting.drive.client import Client, mirrored_of

Json = dict[str, Any]
_LISTS = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}
_METHOD = re.compile(r"[a-z][a-z0-9.-]*(/[A-Za-z0-9_-]+)+")
_MOST_KEYS = 4


class Listing:
    """What a server says that it has."""

    def __init__(self, client: Client) -> None:
        self.discovered = client.result("server/discover", {})
        self.items: dict[str, list[Json]] = {}
        self.pages: list[Json] = []
        for method, key in _LISTS.items():
            self.items[key] = []
            cursor: Json = {}
            for _ in range(20):
                self.pages.append({"method": method, "params": cursor})
                page = client.result(method, cursor)
                self.items[key] += page.get(key) or []
                if not page.get("nextCursor"):
                    break
                cursor = {"cursor": page["nextCursor"]}
        for tool in self.items["tools"]:
            client.mirrored[tool["name"]] = mirrored_of(tool)

    @property
    def extensions(self) -> Json:
        found: Json = (self.discovered.get("capabilities") or {}).get("extensions") or {}
        return found


def constants_of(source: str) -> list[str]:
    """The texts of a source: the keys of dictionaries first."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    keys = [key for node in nodes if isinstance(node, ast.Dict) for key in node.keys if key is not None]
    texts = [node.value for node in [*keys, *nodes] if isinstance(node, ast.Constant)]
    return list(dict.fromkeys(text for text in texts if isinstance(text, str)))


def requests_of(listing: Listing, constants: Sequence[str]) -> Iterator[Json]:
    """The requests, but those that depend on what a tool asks."""
    keys = samples.keys_in(constants, _MOST_KEYS)
    yield {"method": "server/discover", "params": {}}
    yield from listing.pages
    for tool in listing.items["tools"]:
        yield from _calls(tool, keys)
    yield {"method": "tools/call", "params": {"name": "no_such_tool", "arguments": {}}}
    for resource in listing.items["resources"]:
        yield {"method": "resources/read", "params": {"uri": resource["uri"]}}
    for template in listing.items["resourceTemplates"]:
        for text in ("a", "../a", "a b", "7", *keys):
            yield {"method": "resources/read", "params": {"uri": _expanded(template["uriTemplate"], text)}}
    yield {"method": "resources/read", "params": {"uri": "nothing://here"}}
    for prompt in listing.items["prompts"]:
        yield from _prompts(prompt, keys)
    yield {"method": "prompts/get", "params": {"name": "no_such_prompt", "arguments": {}}}
    yield from _completions(listing, keys)
    for text in constants:
        if _METHOD.fullmatch(text) and not text.startswith(("text/", "image/", "application/", "audio/")):
            yield {"method": text, "params": {}}
            yield {
                "method": text,
                "params": {"query": "a", "prefix": "a", "name": "a", "text": "a", "limit": 1},
            }


def _calls(tool: Json, keys: Sequence[str]) -> Iterator[Json]:
    schema = tool.get("inputSchema") or {}
    properties = schema.get("properties") or {}
    everything = samples.record(schema, 0, schema)
    least = samples.record(schema, 1, schema)
    sets: list[Json] = [everything, least]
    if properties:
        sets.append(samples.as_text(everything))
        first = next(iter(properties))
        sets.append({**everything, first: samples.wrong(properties[first], schema)})
    for name in schema.get("required", ()):
        sets.append({key: one for key, one in everything.items() if key != name})
    texts = [
        name for name, one in properties.items() if isinstance(one, dict) and one.get("type") == "string"
    ]
    if texts:
        sets += [{**everything, **dict.fromkeys(texts, key)} for key in keys]
    sets.append({**everything, "no_such_argument": 1})
    seen: list[Json] = []
    for arguments in sets:
        if arguments not in seen:
            seen.append(arguments)
            yield {"method": "tools/call", "params": {"name": tool["name"], "arguments": arguments}}
    yield {"method": "tools/call", "params": {"name": tool["name"], "arguments": everything}, "bare": True}


def _expanded(template: str, text: str) -> str:
    def put(found: "re.Match[str]") -> str:
        operator, names = found.group(1), found.group(2).replace("*", "").split(",")
        if operator in ("?", "&"):
            return operator + "&".join(f"{name}={text}" for name in names)
        return ("/" if operator == "/" else "") + ",".join(text for _ in names)

    return re.sub(r"\{([?&/+#.;]?)([^}]*)\}", put, template)


def _prompts(prompt: Json, keys: Sequence[str]) -> Iterator[Json]:
    arguments = prompt.get("arguments") or []
    everything = {one["name"]: "a" for one in arguments}
    sets = [everything, {one["name"]: "b" for one in arguments if one.get("required")}]
    sets += [dict.fromkeys(everything, key) for key in keys]
    sets += [{}, {**everything, "no_such_argument": "a"}]
    seen: list[Json] = []
    for given in sets:
        if given not in seen:
            seen.append(given)
            yield {"method": "prompts/get", "params": {"name": prompt["name"], "arguments": given}}


def _completions(listing: Listing, keys: Sequence[str]) -> Iterator[Json]:
    if "completions" not in (listing.discovered.get("capabilities") or {}):
        return
    places: list[tuple[Json, list[str]]] = [
        ({"type": "ref/prompt", "name": one["name"]}, [each["name"] for each in one.get("arguments") or []])
        for one in listing.items["prompts"]
    ]
    for one in listing.items["resourceTemplates"]:
        names = [
            name
            for group in re.findall(r"\{[?&/+#.;]?([^}]*)\}", one["uriTemplate"])
            for name in group.split(",")
        ]
        places.append(
            ({"type": "ref/resource", "uri": one["uriTemplate"]}, [name.rstrip("*") for name in names])
        )
    for reference, names in places:
        for name in names:
            others = {other: key for other in names if other != name for key in keys[:1]}
            for text in ("", "a", "p"):
                params: Json = {"ref": reference, "argument": {"name": name, "value": text}}
                yield {"method": "completion/complete", "params": params}
                if others:
                    yield {
                        "method": "completion/complete",
                        "params": {**params, "context": {"arguments": others}},
                    }
