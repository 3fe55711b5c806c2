"""What a declaration of skills adds to a server: resources, by which every client can read their files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.errors import DeclarationError, ResourceNotFoundError
from lambent.features.skills import EXTENSION_ID, METHODS, SCHEME
from lambent.features.skills.files import SKILL_FILE, FolderFiles, SkillFiles, is_served
from lambent.features.skills.shelf import Shelf, is_plain, path_of_skill, uri_of
from lambent.wire.values import BlobResourceContents, CacheHint, TextResourceContents

if TYPE_CHECKING:
    from lambent.features.catalog import Catalog
    from lambent.features.declarations import Declarations
    from lambent.features.resources import Resource
    from lambent.wire.server_card import PublishedSkill

MARKDOWN = "text/markdown"
TEMPLATE = f"{SCHEME}{{+path}}"
"""The URIs of all files of skills of a server."""

SETTINGS: dict[str, Any] = {"directoryRead": True}
"""What clients are told of the extension."""


class PlacedShelf(msgspec.Struct, frozen=True):
    """Skills of a server, and the prefix under which that is mounted; empty for the server's own."""

    shelf: Shelf
    prefix: str = ""

    def outward(self, path: str) -> str:
        """A path as clients know it."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def inward(self, path: str) -> str | None:
        """A path as the shelf knows it; None where it is not of this server."""
        if not self.prefix:
            return path
        start = f"{self.prefix}/"
        return path[len(start) :] if path[: len(start)].lower() == start.lower() else None


def single(folder: str | os.PathLike[str], path: str | None, scopes: tuple[str, ...]) -> Shelf:
    """The shelf of one skill, for ``MCPServer.skill``.

    Raises:
        DeclarationError: it is no folder, or the path ends with no name of a skill.
    """
    source = FolderFiles(folder)
    return Shelf(source, path_of_skill(source.name, path), scopes, is_single=True)


def several(
    source: str | os.PathLike[str] | SkillFiles, prefix: str | None, scopes: tuple[str, ...]
) -> Shelf:
    """The shelf of the skills of a source, for ``MCPServer.skills``.

    Raises:
        DeclarationError: it is no folder and no source, or the prefix can be none, or is missing where there
            are scopes.
    """
    if isinstance(source, str | os.PathLike):
        source = FolderFiles(source)
    elif not hasattr(source, "files"):
        raise DeclarationError(f"{source!r} is no source of skills: give a folder, or lambent.S3Skills")
    if scopes and not prefix:
        raise DeclarationError("Skills with scopes need a prefix, which tells their URIs from all others")
    return Shelf(source, prefix or "", scopes)


def add_resources(server: Declarations, shelves: Sequence[Shelf], shelf: Shelf, cache: CacheHint) -> None:
    """Add a resource for the SKILL.md of each skill of a folder, and a template for all other files.

    Skills without scopes have one template together, which has what is added later too.

    The skills of other sources are no resources in lists: they may be others with every request.

    Args:
        server: what they are added to.
        shelves: those that the server has already, to which the new one is added afterwards.
        shelf: the skills.
        cache: how long clients may keep what they read.

    Raises:
        DeclarationError: a skill cannot be served, or there is one with its path already.
    """
    options: dict[str, Any] = {"cache": cache, "scopes": shelf.scopes}
    if shelf.scopes:
        options["cache"] = CacheHint(ttl_ms=cache.ttl_ms, scope="private")
    for skill in shelf.check() if shelf.is_folder else ():
        server.resource(
            uri_of(f"{skill.path}/{SKILL_FILE}"),
            name=skill.frontmatter["name"],
            description=skill.frontmatter["description"],
            mime_type=MARKDOWN,
            **options,
        )(_reader(shelf, f"{skill.path}/{SKILL_FILE}"))
    options |= {"name": "skill-file", "description": "A file of a skill, by its path."}
    if shelf.scopes:
        server.resource(_template_of(shelf), **options)(_any_reader([shelf], shelf.prefix))
    elif all(one.scopes for one in shelves):
        server.resource(TEMPLATE, **options)(_any_reader(shelves))


def with_skills(catalog: Catalog, shelves: Sequence[Shelf]) -> Catalog:
    """A server's declarations with its skills.

    Raises:
        DeclarationError: a method or an extension of the server has the name of what skills need.
    """
    if taken := sorted({*METHODS} & {*catalog.methods}) or sorted({EXTENSION_ID} & {*catalog.extensions}):
        raise DeclarationError(f"{taken[0]} is of the skills: leave it out")
    own = {TEMPLATE, *(_template_of(shelf) for shelf in shelves if shelf.scopes)}
    # The one that all URIs of skills fit comes last.
    templates = sorted(catalog.templates, key=lambda template: template.uri == TEMPLATE)
    return msgspec.structs.replace(
        catalog,
        templates=tuple(_without_type(one) if one.uri in own else one for one in templates),
        skills=tuple(map(PlacedShelf, shelves)),
        extensions={**catalog.extensions, EXTENSION_ID: SETTINGS},
    )


def _template_of(shelf: Shelf) -> str:
    """The template of skills that need scopes."""
    return f"{SCHEME}{shelf.prefix}/{{+path}}"


def _without_type(template: Resource) -> Resource:
    """A template without a media type: files of skills have several."""
    definition = msgspec.structs.replace(template.definition, mime_type=None)
    return msgspec.structs.replace(template, definition=definition)


def contents_of(shelf: Shelf, path: str) -> TextResourceContents | BlobResourceContents | None:
    """The contents of a file of a skill, with an empty URI; None where there is no such file.

    What is UTF-8 is text, from which clients make the same bytes; all else is a blob.
    """
    try:
        found = shelf.holding(path)
    except DeclarationError:
        return None  # a skill that is not served, of which the methods of skills write into the log
    if found is None or not found[1] or not is_served(found[1]):
        return None
    content = shelf.read(*found)
    if content is None:
        return None
    from lambent.features.contents import to_base64  # loaded where files are read
    from lambent.features.skills.media_types import media_type_of

    kind, text = media_type_of(path), _text_of(content)
    if text is not None:
        return TextResourceContents(uri="", text=text, mime_type=kind or "text/plain")
    data = to_base64(content)
    return BlobResourceContents(uri="", blob=data, mime_type=kind or "application/octet-stream")


def published(shelves: Sequence[PlacedShelf]) -> Iterator[PublishedSkill]:
    """The skills of folders that everybody may read, for the index of a deployment, with what is text.

    Raises:
        DeclarationError: a folder has changed, and its skill cannot be served.
    """
    from lambent.wire.server_card import PublishedSkill  # loaded where cards are made

    for shelf in (one.shelf for one in shelves if one.shelf.is_folder and not one.shelf.scopes):
        for skill in shelf.check():
            files = {}
            for one in shelf.files(skill):
                text = _text_of(shelf.read(skill, one.path))
                if text is not None and is_plain(one.path):
                    files[one.path] = text
            name, description = skill.frontmatter["name"], skill.frontmatter["description"]
            yield PublishedSkill(name=name, description=description, files=files)


def _text_of(content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError:
        return None


def _reader(shelf: Shelf, path: str) -> Callable[[], Any]:
    def read_skill() -> Any:
        return _found(contents_of(shelf, path), path)

    return read_skill


def _any_reader(shelves: Sequence[Shelf], prefix: str = "") -> Callable[[str], Any]:
    """Reads files of the given shelves; without a prefix, of those that need no scopes."""

    def read_skill_file(path: str) -> Any:
        path = f"{prefix}/{path}" if prefix else path
        looked = (contents_of(shelf, path) for shelf in shelves if prefix or not shelf.scopes)
        return _found(next(filter(None, looked), None), path)

    return read_skill_file


def _found(contents: Any, path: str) -> Any:
    if contents is None:
        raise ResourceNotFoundError(uri_of(path))
    return contents
