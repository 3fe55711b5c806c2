"""What `sam build` made, by size, and what of it is larger than it may be."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from lambent.cli.errors import UsageError
from lambent.cli.local_aws.template import read_template

MB: Final = 1024 * 1024
"""As Lambda counts its own quotas."""

_HEADERS: Final = 30 + 46
"""Bytes that a zip file spends on a file besides twice its name."""


class Size(NamedTuple):
    """Bytes of a part of an artifact.

    Attributes:
        unzipped: of its files.
        zipped: of what they are in a zip file.
    """

    unzipped: int = 0
    zipped: int = 0

    def plus(self, other: Size) -> Size:
        """Both together."""
        return Size(self.unzipped + other.unzipped, self.zipped + other.zipped)


def archive(folder: Path) -> bytes:
    """A folder as Lambda gets it: a zip file, deflated; the same files give the same bytes.

    Args:
        folder: an artifact.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(folder))
    return content.getvalue()


def sizes(folder: Path) -> dict[str, Size]:
    """What is in an artifact, by package, the largest first.

    Args:
        folder: a function's, or a layer's.
    """
    found: dict[str, Size] = {}
    with zipfile.ZipFile(io.BytesIO(archive(folder))) as file:
        for info in file.infolist():
            size = Size(info.file_size, info.compress_size + _HEADERS + 2 * len(info.filename))
            package = _package(info.filename.removeprefix("python/"))
            found[package] = found.get(package, Size()).plus(size)
    return dict(sorted(found.items(), key=lambda item: -item[1].zipped))


def _package(name: str) -> str:
    top, slash, _ = name.partition("/")
    if not slash and not re.search(r"\.so$", top):
        return "own files"
    return re.sub(r"-[^-]+\.dist-info$|\..*$", "", top)


class Artifact(NamedTuple):
    """A function or a layer that was built.

    Attributes:
        folder: where it is.
        layers: the layers of a function; those of other stacks by their ARN.
        is_layer: whether it is one itself.
    """

    folder: Path
    layers: tuple[str, ...] = ()
    is_layer: bool = False


def artifacts(build: Path) -> dict[str, Artifact]:
    """What `sam build` made, by its name in the template.

    Args:
        build: the folder that it wrote to.

    Raises:
        TemplateError: there is no built template in it.
    """
    template = read_template(build / "template.yaml")
    found = {}
    for name in template.of_type("AWS::Serverless::Function", "AWS::Serverless::LayerVersion"):
        properties = template.properties(name)
        if "ContentUri" in properties:
            found[name] = Artifact(build / properties["ContentUri"], is_layer=True)
        elif "CodeUri" in properties:  # else its code is in the template
            layers = properties.get("Layers", ())
            names = tuple(layer["Ref"] if isinstance(layer, Mapping) else layer for layer in layers)
            found[name] = Artifact(build / properties["CodeUri"], names)
    return found


def report(build: Path, limits: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """The lines of the report about a build, and what is too large.

    Args:
        build: the folder that `sam build` wrote to.
        limits: bytes of the zip files of a function and its layers, by the function's name.
    """
    found = artifacts(build)
    lines: list[str] = []
    zipped: dict[str, int] = {}
    for name, artifact in found.items():
        parts = sizes(artifact.folder)
        zipped[name] = len(archive(artifact.folder))
        lines += _table(name, parts, Size(sum(size.unzipped for size in parts.values()), zipped[name]))
    over: list[str] = []
    lines.append(f"{'function and layers':<44}{'zipped':>11}{'at most':>11}")
    for name, artifact in found.items():
        if artifact.is_layer:
            continue
        total = sum(zipped.get(part, 0) for part in (name, *artifact.layers))
        limit = limits.get(name)
        shown = f"{limit:,}" if limit else ""
        lines.append(f"{' + '.join((name, *artifact.layers)):<44}{total:>11,}{shown:>11}")
        if limit and total > limit:
            over.append(f"{name} and its layers take {total:,} bytes; {limit:,} are the most")
    return lines, over


def _table(name: str, parts: Mapping[str, Size], total: Size) -> Iterator[str]:
    yield f"{name:<33}{'unzipped':>11}{'zipped':>11}"
    for package, size in (*parts.items(), ("total", total)):
        yield f"  {package:<31}{size.unzipped:>11,}{size.zipped:>11,}"
    yield ""


def parse_limit(text: str) -> tuple[str, int]:
    """A limit as it is written, `Function=1.2`, megabytes of 1,048,576 bytes.

    Args:
        text: what was written.

    Raises:
        UsageError: it is not a name and a number.
    """
    name, _, size = text.partition("=")
    try:
        return name, round(float(size) * MB)
    except ValueError as error:
        raise UsageError(f"{text}: a limit is a function's name and megabytes, such as Server=1.2") from error
