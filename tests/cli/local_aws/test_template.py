import sys
from pathlib import Path
from textwrap import dedent

import pytest

from lambent.cli.errors import MissingExtraError
from lambent.cli.local_aws.template import TemplateError, read_template


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str):
        path = tmp_path / "template.yaml"
        path.write_text(dedent(text))
        return read_template(path)

    return read


@pytest.mark.parametrize(
    ("short", "written_out"),
    [
        ("!Ref Stage", {"Ref": "Stage"}),
        ("!GetAtt Queue.Arn", {"Fn::GetAtt": "Queue.Arn"}),
        ("!GetAtt [Queue, Arn]", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("!Sub '${Stage}-x'", {"Fn::Sub": "${Stage}-x"}),
        ("!Sub ['${a}', {a: !Ref Stage}]", {"Fn::Sub": ["${a}", {"a": {"Ref": "Stage"}}]}),
        ("!If [IsProd, 1, !Ref AWS::NoValue]", {"Fn::If": ["IsProd", 1, {"Ref": "AWS::NoValue"}]}),
        ("!Not [!Condition IsProd]", {"Fn::Not": [{"Condition": "IsProd"}]}),
        ("!Transform {Name: AWS::Include}", {"Fn::Transform": {"Name": "AWS::Include"}}),
    ],
)
def test_short_tags_are_written_out(read, short, written_out):
    assert read(f"Outputs: {short}\nResources: {{}}").document["Outputs"] == written_out


def test_globals_count_for_functions(read):
    template = read("""
        Globals:
          Function:
            Timeout: 10
            Layers: [a]
            CodeUri: {Bucket: b, Key: k}
            Handler: !Ref Nothing
            Environment: {Variables: {A: global, B: global}}
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties:
              Timeout: 20
              Layers: [b]
              Handler: !Sub own
              Environment: {Variables: {B: own}}
          G: {Type: AWS::Lambda::Function}
    """)
    assert template.properties("F") == {
        "Timeout": 20,
        "Layers": ["a", "b"],
        "CodeUri": {"Bucket": "b", "Key": "k"},
        "Handler": {"Fn::Sub": "own"},
        "Environment": {"Variables": {"A": "global", "B": "own"}},
    }
    assert template.properties("G") == {}
    assert template.of_type("AWS::Lambda::Function", "AWS::Serverless::Function") == ["F", "G"]
    assert template.section("Parameters") == {}


def test_json_is_read_too(read):
    assert list(read('{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}').resources) == ["Q"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Resources: [", "is no YAML"),
        ("a: 1", "is no template"),
        ("", "is no template"),
        ("Resources:", "no"),
    ],
)
def test_files_that_are_no_template(read, text, message):
    with pytest.raises(TemplateError, match=message):
        read(text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(TemplateError, match="cannot read"):
        read_template(tmp_path / "none.yaml")


def test_nothing_in_a_template_is_run(read):
    with pytest.raises(TemplateError, match="is no YAML"):
        read("Resources: {A: !!python/object/apply:os.getcwd []}")


def test_the_library_that_reads_yaml_may_be_missing(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtraError, match=r"install the extra lambent\[dev\]"):
        read("Resources: {}")
