"""The report about what `sam build` made."""

import os
from pathlib import Path

import pytest

from lambent.cli import main
from lambent.cli.artifact import sizes
from lambent.cli.errors import UsageError
from lambent.cli.local_aws.template import TemplateError

TEMPLATE = """
Globals:
  Function:
    Layers: [{Ref: RuntimeLayer}]
Resources:
  RuntimeLayer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: RuntimeLayer, CompatibleArchitectures: [!Ref Architecture]}
  OrdersFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: Shared, Layers: [{Ref: ExtrasLayer}, "arn:aws:lambda:eu-west-1:1:layer:theirs:1"]}
  RotationFunction:
    Type: AWS::Serverless::Function
    Properties: {InlineCode: "pass"}
  ExtrasLayer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: ExtrasLayer}
  Table:
    Type: AWS::DynamoDB::Table
"""


@pytest.fixture
def build(tmp_path: Path) -> Path:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    for name, content in {
        "Shared/app.py": b"app",
        "Shared/data.json": b"{}",
        "RuntimeLayer/python/lambent/server.py": b"x" * 5000,
        "RuntimeLayer/python/lambent-0.1.0.dist-info/METADATA": b"Name: lambent",
        "RuntimeLayer/python/_cffi_backend.cpython-313-x86_64-linux-gnu.so": os.urandom(3000),
        "ExtrasLayer/python/pydantic/__init__.py": b"",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_packages_are_counted_with_their_metadata_and_the_largest_come_first(build: Path) -> None:
    found = sizes.sizes(build / "RuntimeLayer")
    assert list(found) == ["_cffi_backend", "lambent"]
    assert found["lambent"].unzipped == 5000 + len("Name: lambent")
    assert found["_cffi_backend"].zipped > 3000
    assert list(sizes.sizes(build / "Shared")) == ["own files"]


def test_parts_add_up_to_the_archive(build: Path) -> None:
    end_of_archive = 22
    for name in ("RuntimeLayer", "Shared", "ExtrasLayer"):
        parts = sum(size.zipped for size in sizes.sizes(build / name).values())
        assert parts + end_of_archive == len(sizes.archive(build / name))


def test_a_function_counts_with_its_layers(build: Path) -> None:
    names = ("Shared", "RuntimeLayer", "ExtrasLayer")
    total = sum(len(sizes.archive(build / name)) for name in names)
    lines, over = sizes.report(build, {"OrdersFunction": total})
    (line,) = [
        line for line in lines if line.startswith("OrdersFunction + RuntimeLayer + ExtrasLayer + arn:")
    ]
    assert line.split()[-2:] == [f"{total:,}", f"{total:,}"]
    assert over == []


def test_who_is_too_large_fails(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    total = sum(len(sizes.archive(build / name)) for name in ("Shared", "RuntimeLayer", "ExtrasLayer"))
    assert main(["sizes", str(build), "--limit", "OrdersFunction=1"]) == 0
    capsys.readouterr()
    assert main(["sizes", str(build), "--limit", "OrdersFunction=0.001"]) == 1
    expected = f"OrdersFunction and its layers take {total:,} bytes; 1,049 are the most\n"
    assert capsys.readouterr().err == expected


def test_a_limit_is_a_name_and_megabytes() -> None:
    assert sizes.parse_limit("Server=1.5") == ("Server", 1_572_864)
    with pytest.raises(UsageError, match=r"Server=large: a limit is .* such as Server=1\.2"):
        sizes.parse_limit("Server=large")


def test_a_folder_without_a_build_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="template"):
        sizes.report(tmp_path, {})
