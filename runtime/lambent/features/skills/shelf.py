"""The skills of a source, and the files of each of them, as URIs name them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.skills import SCHEME
from lambent.features.skills.files import (
    MAX_BYTES,
    MAX_FILES,
    SKILL_FILE,
    FolderFiles,
    SkillFile,
    SkillFiles,
    is_served,
)
from lambent.features.skills.frontmatter import is_skill_name, read_frontmatter

MAX_DEPTH = 8
"""How many segments the path of a skill has at most: each of them may be a look into the source."""

_SEGMENT = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_KEPT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/-]*")


class Skill(msgspec.Struct, frozen=True):
    """A skill as its source has it now.

    Attributes:
        path: as URIs have it, such as ``acme/billing/refunds``.
        folder: where it is in the source; empty for the source itself.
        frontmatter: every field of its SKILL.md.
        content: of its SKILL.md.
    """

    path: str
    folder: str
    frontmatter: Mapping[str, Any]
    content: bytes


class Shelf:
    """The skills of one source.

    Args:
        source: where the files are.
        prefix: what paths of skills begin with, such as ``acme/billing``; the whole path of a single skill.
        is_single: the source is one skill; else each folder with a SKILL.md is one, but for those within.
        scopes: what their reader needs.

    Attributes:
        prefix: see above.
        scopes: see above.

    Raises:
        DeclarationError: the prefix can be none.
    """

    def __init__(
        self, source: SkillFiles, prefix: str, scopes: tuple[str, ...] = (), *, is_single: bool = False
    ) -> None:
        if prefix and not all(map(_SEGMENT.fullmatch, prefix.split("/"))):
            raise DeclarationError(
                f"{prefix!r} is no path of skills: write a-z, 0-9, '.', '_' and '-' with /"
            )
        self._source = source
        self.prefix = prefix
        self.scopes = scopes
        self._is_single = is_single
        self._digests: dict[str, tuple[str, str, int]] = {}

    @property
    def is_folder(self) -> bool:
        """Its skills are files of the deployment: they change only when the server is deployed."""
        return isinstance(self._source, FolderFiles)

    def paths(self) -> Iterator[str]:
        """The paths of all skills, in their order."""
        if self._is_single:
            yield self.prefix
            return
        ending = f"/{SKILL_FILE}"
        found = [
            one.path for one in self._source.files("") if one.path.endswith(ending) and is_served(one.path)
        ]
        last = None
        # Sorted by segments, so that what is within a skill comes right behind it.
        for segments in sorted(path.split("/")[:-1] for path in found):
            is_within = last is not None and segments[: len(last)] == last
            if not is_within and len(segments) <= MAX_DEPTH and all(map(_SEGMENT.fullmatch, segments)):
                last = segments
                yield self._outward("/".join(segments))

    def holding(self, path: str) -> tuple[Skill, str] | None:
        """The skill that a path is in, and the rest of the path, which is empty for the skill's own folder.

        Raises:
            DeclarationError: the SKILL.md there is none.
        """
        inward = self._inward(path)
        if inward is None or (inward and not is_served(inward)):
            return None
        if self._is_single:
            skill = self._skill("", self.prefix)
            return None if skill is None else (skill, inward)
        segments = inward.split("/")
        for depth in range(1, min(len(segments), MAX_DEPTH) + 1):
            if _SEGMENT.fullmatch(segments[depth - 1]) is None:
                return None
            folder = "/".join(segments[:depth])
            if (skill := self._skill(folder, self._outward(folder))) is not None:
                return skill, "/".join(segments[depth:])
        return None

    def skill(self, path: str) -> Skill | None:
        """The skill with a path; None where there is none.

        Raises:
            DeclarationError: its SKILL.md is none.
        """
        found = self.holding(path)
        return found[0] if found is not None and not found[1] else None

    def files(self, skill: Skill, folder: str = "") -> list[SkillFile]:
        """The files of a skill in a folder of it and below, in their order, with paths within the skill.

        Raises:
            DeclarationError: the skill has more than any host has to accept.
        """
        start = f"{skill.folder}/" if skill.folder else ""
        found = []
        size = 0
        for one in self._source.files(f"{start}{folder}".rstrip("/")):
            inner = one.path.removeprefix(start)
            if is_served(inner):
                found.append(msgspec.structs.replace(one, path=inner))
                size += one.size
            if len(found) > MAX_FILES or size > MAX_BYTES:
                raise DeclarationError(
                    f"{skill.path}: a skill has at most {MAX_FILES} files and {MAX_BYTES >> 20} MiB"
                )
        return sorted(found, key=lambda one: one.path)

    def read(self, skill: Skill, path: str) -> bytes | None:
        """The content of a file of a skill; None where there is none."""
        if path == SKILL_FILE:
            return skill.content
        return self._source.read(f"{skill.folder}/{path}" if skill.folder else path)

    def entry(self, skill: Skill, uri_of: Callable[[str], str]) -> dict[str, Any]:
        """What clients are told of a skill: front matter, and digest and size of each of its files.

        Args:
            skill: the skill.
            uri_of: gives the URI of a path.

        Raises:
            DeclarationError: see ``files``.
        """
        resources = []
        for one in self.files(skill):
            if (found := self._digest(skill, one)) is not None:
                digest, size = found
                resources.append({"uri": uri_of(f"{skill.path}/{one.path}"), "digest": digest, "size": size})
        uri = uri_of(f"{skill.path}/{SKILL_FILE}")
        return {"uri": uri, "frontmatter": skill.frontmatter, "resources": resources}

    def check(self) -> list[Skill]:
        """All skills, each of which is as it has to be.

        Raises:
            DeclarationError: one is not, or there is none.
        """
        skills = []
        for path in self.paths():
            skill = self.skill(path)
            if skill is None:
                raise DeclarationError(f"{path}: there is no {SKILL_FILE} in the folder")
            self.files(skill)
            skills.append(skill)
        if not skills:
            raise DeclarationError(f"There is no folder with a {SKILL_FILE}")
        return skills

    def _digest(self, skill: Skill, file: SkillFile) -> tuple[str, int] | None:
        if file.path == SKILL_FILE:  # of the very bytes that the front matter is of
            return digest_of(skill.content), len(skill.content)
        key = f"{skill.path}/{file.path}"
        if (known := self._digests.get(key)) is not None and known[0] == file.version:
            return known[1:]
        content = self.read(skill, file.path)
        if content is None:
            return None
        found = digest_of(content), len(content)
        if file.version is not None:
            self._digests[key] = (file.version, *found)
        return found

    def _skill(self, folder: str, path: str) -> Skill | None:
        content = self._source.read(f"{folder}/{SKILL_FILE}" if folder else SKILL_FILE)
        if content is None:
            return None
        try:
            fields = read_frontmatter(content)
        except DeclarationError as error:
            raise DeclarationError(f"{path}: {error}") from None
        name = path.rpartition("/")[2]
        if fields["name"] != name:
            raise DeclarationError(
                f"{path}: the skill has the name {fields['name']!r}, and needs that of its path"
            )
        return Skill(path, folder, fields, content)

    def _outward(self, folder: str) -> str:
        return f"{self.prefix}/{folder}" if self.prefix else folder

    def _inward(self, path: str) -> str | None:
        """A path within the source; None where it is of no skill of it."""
        if not self.prefix:
            return path or None
        if path == self.prefix:
            return "" if self._is_single else None
        return path.removeprefix(f"{self.prefix}/") if path.startswith(f"{self.prefix}/") else None


def digest_of(content: bytes) -> str:
    """The digest of a file's bytes ("Integrity and Verification")."""
    import hashlib  # maps OpenSSL into memory: a call of a tool does without

    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def is_plain(path: str) -> bool:
    """Whether a path stands in a URL as it is."""
    return _KEPT.fullmatch(path) is not None


def uri_of(path: str) -> str:
    """The URI of a path."""
    if not is_plain(path):
        from urllib.parse import quote  # loaded where a name needs it

        path = quote(path, safe="/!$&'()*+,;=:@~")
    return f"{SCHEME}{path}"


def path_in(uri: str) -> str | None:
    """The path that a URI is of; None where it is of no skill's scheme."""
    scheme, separator, rest = uri.partition("://")
    if not separator or f"{scheme.lower()}://" != SCHEME:
        return None
    if "%" not in rest:
        return rest
    from urllib.parse import unquote

    try:
        return unquote(rest, errors="strict")
    except UnicodeDecodeError:
        return None


def path_of_skill(name: str, path: str | None) -> str:
    """The path of a skill whose folder has a name.

    Raises:
        DeclarationError: it does not end with what can be a name of a skill.
    """
    path = path or name
    if not is_skill_name(path.rpartition("/")[2]):
        raise DeclarationError(f"{path!r} ends with no name of a skill: write a-z, 0-9 and single '-'")
    return path
