"""The methods of skills: ``skills/list``, ``skills/get``, ``resources/directory/read`` (SEP-2640)."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from lambent.errors import DeclarationError, InvalidParamsError
from lambent.execution.call import Call, Handler
from lambent.execution.log_records import logger
from lambent.execution.rounds.digests import from_base64url, to_base64url
from lambent.features.signature import Definition
from lambent.features.skills.declaring import MARKDOWN, PlacedShelf
from lambent.features.skills.files import SKILL_FILE
from lambent.features.skills.media_types import media_type_of
from lambent.features.skills.shelf import Skill, path_in, uri_of
from lambent.wire.results import PageResult

T = TypeVar("T")

_DIRECTORY = "inode/directory"
_log = logger("lambent.skills")


class SkillsResult(PageResult, kw_only=True):
    """The result of ``skills/list``."""

    skills: Sequence[Any]


class SkillResult(PageResult, kw_only=True):
    """The result of ``skills/get``."""

    skill: Any


class _ListParams(msgspec.Struct):
    cursor: str | None = None


class _DirectoryParams(msgspec.Struct):
    uri: str
    cursor: str | None = None


def list_skills(call: Call) -> SkillsResult:
    """Answer with the skills of a page; one that cannot be served is left out, and the log says why.

    Raises:
        InvalidParamsError: the cursor is none that this list has given.
    """
    params = _read(call, _ListParams)
    found: dict[str, tuple[PlacedShelf, str]] = {}
    for placed in call.services.catalog.skills:
        for path in placed.shelf.paths() if _shows(call, placed) else ():
            found.setdefault(placed.outward(path), (placed, path))
    page, cursor = _page(call, sorted(found), params.cursor)
    entries = []
    for key in page:
        placed, path = found[key]
        entry = _served(_entry, placed, path)
        if entry is not None:
            entries.append(entry)
    ttl_ms, scope = _hint(call)
    return SkillsResult(skills=entries, next_cursor=cursor, ttl_ms=ttl_ms, cache_scope=scope)


def get_skill(call: Call) -> SkillResult:
    """Answer with one skill.

    Raises:
        InvalidParamsError: no skill is served at the URI.
        HttpRefusal: the caller lacks a scope.
    """
    uri = _read(call, _DirectoryParams).uri
    path = path_in(uri) or ""
    folder, _, name = path.rpartition("/")
    for placed in call.services.catalog.skills if name == SKILL_FILE else ():
        inward = placed.inward(folder)
        entry = None if inward is None else _served(_entry, placed, inward)
        if entry is not None:
            ttl_ms, scope = _require(call, placed)
            return SkillResult(skill=entry, ttl_ms=ttl_ms, cache_scope=scope)
    raise InvalidParamsError("No skill is served at this URI", {"uri": uri})


def read_directory(call: Call) -> PageResult:
    """Answer with what is directly in a folder of a skill.

    Raises:
        InvalidParamsError: the URI is of no folder, or the cursor is none that this list has given.
        HttpRefusal: the caller lacks a scope.
    """
    params = _read(call, _DirectoryParams)
    path = path_in(params.uri) or ""
    for placed in call.services.catalog.skills:
        inward = placed.inward(path)
        children = None if inward is None else _served(_children, placed, inward)
        if children:
            page, cursor = _page(call, sorted(children), params.cursor)
            # Clients read it as they read ``resources/list``, which has to say how long it may be kept.
            ttl_ms, scope = _require(call, placed)
            found = [children[name] for name in page]
            return PageResult(resources=found, next_cursor=cursor, ttl_ms=ttl_ms, cache_scope=scope)
    raise InvalidParamsError("No directory is served at this URI", {"uri": params.uri})


HANDLERS: Mapping[str, Handler] = {
    "skills/list": list_skills,
    "skills/get": get_skill,
    "resources/directory/read": read_directory,
}


def _entry(placed: PlacedShelf, path: str) -> dict[str, Any] | None:
    skill = placed.shelf.skill(path)
    return None if skill is None else placed.shelf.entry(skill, lambda path: uri_of(placed.outward(path)))


def _children(placed: PlacedShelf, path: str) -> dict[str, Definition] | None:
    found = placed.shelf.holding(path)
    if found is None:
        return None
    skill, folder = found
    start = f"{folder}/" if folder else ""
    children: dict[str, Definition] = {}
    for one in placed.shelf.files(skill, folder):
        name, slash, _ = one.path.removeprefix(start).partition("/")
        uri = uri_of(placed.outward(f"{skill.path}/{start}{name}"))
        if slash:
            children[name] = Definition(uri=uri, name=name, mime_type=_DIRECTORY)
        elif one.path == SKILL_FILE:
            children[name] = _skill_file(skill, uri, one.size)
        else:
            children[name] = Definition(uri=uri, name=name, mime_type=media_type_of(name), size=one.size)
    return children


def _skill_file(skill: Skill, uri: str, size: int) -> Definition:
    fields = skill.frontmatter
    return Definition(
        uri=uri, name=fields["name"], description=fields["description"], mime_type=MARKDOWN, size=size
    )


def _served(look: Callable[[PlacedShelf, str], T], placed: PlacedShelf, path: str) -> T | None:
    """What is found at a path; None also where the skill there is none that can be served."""
    try:
        return look(placed, path)
    except DeclarationError as error:
        _log.warning("A skill is not served: %s", str(error))
        return None


def _shows(call: Call, placed: PlacedShelf) -> bool:
    """Whether a list shows skills to the caller."""
    if not call.services.catalog.hides_forbidden:
        return True
    from lambent.execution.authorization import permits  # few servers ask for it

    return permits(call, placed.shelf.scopes)


def _require(call: Call, placed: PlacedShelf) -> tuple[int, str]:
    """How long an answer of a shelf may be kept, and by whom; refuses callers that may not have it.

    Raises:
        HttpRefusal: 403, or 401 where nobody is identified.
    """
    ttl_ms, scope = _hint(call)
    if not placed.shelf.scopes:
        return ttl_ms, scope
    from lambent.execution.authorization import require  # loaded where there are scopes

    require(call, placed.shelf.scopes)
    return ttl_ms, "private"


def _hint(call: Call) -> tuple[int, str]:
    catalog = call.services.catalog
    hint = catalog.hints["resources/list"]
    return hint.ttl_ms, "private" if catalog.hides_forbidden else hint.scope


def _page(call: Call, keys: list[str], cursor: str | None) -> tuple[list[str], str | UnsetType]:
    """The keys of a page, in their order, and the cursor of the next one, which names the last key."""
    start = 0
    if cursor is not None:
        try:
            method, _, last = from_base64url(cursor).decode().partition(" ")
        except ValueError:
            method, last = "", ""
        if method != call.method:
            raise InvalidParamsError("Invalid cursor: list from the start")
        start = bisect.bisect_right(keys, last)
    page = keys[start : start + call.services.catalog.page_size]
    is_last = start + len(page) == len(keys)
    return page, UNSET if is_last else to_base64url(f"{call.method} {page[-1]}".encode())


def _read(call: Call, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(call.rpc.raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidParamsError(f"Invalid params: {error}") from None
