"""Shows what `sam build` made, by size, and fails if a function is larger than it may be.

python layers/sizes.py .aws-sam/build [.aws-sam/hello]
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml  # type: ignore[import-untyped]

MB = 1024 * 1024
"""As Lambda counts its own quotas."""

LIMITS = {"HelloFunction": 1 * MB + MB // 8, "OrdersFunction": 6 * MB}
"""Bytes of the zip file of a function and those of its layers, together."""

_HEADERS = 30 + 46
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
    """

    folder: Path
    layers: tuple[str, ...] = ()


def artifacts(build: Path) -> dict[str, Artifact]:
    """What `sam build` made, by its name in the template.

    Args:
        build: the folder that it wrote to.

    Raises:
        OSError: there is no built template in it.
    """
    document = yaml.load((build / "template.yaml").read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - safe
    shared = document.get("Globals", {}).get("Function", {}).get("Layers", [])
    found = {}
    for name, resource in document["Resources"].items():
        properties = resource.get("Properties", {})
        if (
            resource["Type"] == "AWS::Serverless::Function" and "CodeUri" in properties
        ):  # else it is in the template
            used = (*shared, *properties.get("Layers", ()))
            names = tuple(str(layer["Ref"] if isinstance(layer, Mapping) else layer) for layer in used)
            found[name] = Artifact(build / properties["CodeUri"], names)
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            found[name] = Artifact(build / properties["ContentUri"])
    return found


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads templates; a short tag stands for its value: `!Ref RuntimeLayer` for `RuntimeLayer`."""


def _value_of_tag(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> object:
    del tag
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_object(yaml.ScalarNode("tag:yaml.org,2002:str", node.value))


_Loader.add_multi_constructor("!", _value_of_tag)


def report(build: Path) -> tuple[list[str], list[str]]:
    """The lines of the report about a build, and what is too large.

    Args:
        build: the folder that `sam build` wrote to.
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
        if not artifact.layers and name not in LIMITS:
            continue
        total = sum(zipped.get(part, 0) for part in (name, *artifact.layers))
        limit = LIMITS.get(name)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="sizes.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("builds", type=Path, nargs="+", help="folders that `sam build` wrote to")
    over: list[str] = []
    for build in parser.parse_args(arguments).builds:
        lines, large = report(build)
        sys.stdout.write("\n".join([*lines, "", ""]))
        over += large
    sys.stderr.write("".join(f"{line}\n" for line in over))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
