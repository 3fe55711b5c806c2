"""Paths from clients: which values of template variables are refused, and joining them to a folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from lambent.errors import ResourceNotFoundError
from lambent.features.uri_templates import UriTemplate as CompiledTemplate


class PathEscapeError(ValueError):
    """A path leads out of the folder that it was to stay in."""


def contains_path_traversal(value: str) -> bool:
    r"""Whether a relative path leads out of where it begins; ``/`` and ``\`` separate its parts."""
    depth = 0
    for part in value.replace("\\", "/").split("/"):
        if part == "..":
            depth -= 1
        elif part not in ("", "."):
            depth += 1
        if depth < 0:
            return True
    return False


def is_absolute_path(value: str) -> bool:
    """Whether a path is absolute, or has a drive, on any system."""
    return value.startswith(("/", "\\")) or (value[1:2] == ":" and value[0].isascii() and value[0].isalpha())


def safe_join(base: str | Path, *parts: str) -> Path:
    """Join parts of a path to a folder, links resolved.

    Raises:
        PathEscapeError: the path is not in the folder, or a part is absolute or has a NUL.
    """
    folder = Path(base).resolve()
    for part in parts:
        if "\0" in part or is_absolute_path(part):
            raise PathEscapeError(f"{part!r} is no path within {folder}")
    path = folder.joinpath(*parts).resolve()
    if not path.is_relative_to(folder):
        raise PathEscapeError(f"{path} is not within {folder}")
    return path


class ResourceSecurity(msgspec.Struct, frozen=True):
    """Which values of the variables of resource templates are refused.

    Attributes:
        reject_path_traversal: those that lead out of a folder by ``..``.
        reject_absolute_paths: absolute paths and drives.
        reject_null_bytes: those with a NUL.
        exempt_params: variables that may have any value.
    """

    reject_path_traversal: bool = True
    reject_absolute_paths: bool = True
    reject_null_bytes: bool = True
    exempt_params: Collection[str] = frozenset()

    def validate(self, params: Mapping[str, str | list[str]]) -> str | None:
        """The name of the first variable with a value that is refused; None where all are taken."""
        for name, value in params.items():
            for text in value if isinstance(value, list) else [value]:
                if not self.takes(name, text):
                    return name
        return None

    def takes(self, name: str, value: str) -> bool:
        """Whether a variable may have a value."""
        return name in self.exempt_params or not (
            (self.reject_null_bytes and "\0" in value)
            or (self.reject_path_traversal and contains_path_traversal(value))
            or (self.reject_absolute_paths and is_absolute_path(value))
        )


DEFAULT_RESOURCE_SECURITY = ResourceSecurity()


class SecuredTemplate(CompiledTemplate):
    """A template whose variables may have the values that a policy takes."""

    def __init__(self, template: str, policy: ResourceSecurity) -> None:
        super().__init__(template)
        self._policy = policy

    def renamed(self, template: str) -> SecuredTemplate:
        """See ``UriTemplate.renamed``."""
        return SecuredTemplate(template, self._policy)

    def match(self, uri: str) -> dict[str, str | list[str]] | None:
        """See ``UriTemplate.match``; a value that is refused is none for a later template either.

        Raises:
            ResourceNotFoundError: the URI matches, with a value that is refused.
        """
        values = super().match(uri)
        if values is not None and self._policy.validate(values) is not None:
            raise ResourceNotFoundError(uri)
        return values

    def _refuses_path(self, path: str) -> bool:
        return False

    def _takes(self, name: str, value: str) -> bool:
        return True  # ``match`` asks the policy about them all
