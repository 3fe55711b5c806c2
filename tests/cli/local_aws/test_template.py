import sys
from pathlib import Path
from textwrap import dedent

import pytest

from lambent.cli.errors import MissingExtraError
from lambent.cli.local_aws.template import Reference, TemplateError, read_template

HEAD = """
Parameters:
  Stage: {Type: String, Default: test}
  Zones: {Type: CommaDelimitedList, Default: "a,b"}
  Secret: {Type: String}
Mappings:
  Sizes:
    small: {memory: 128}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsTest: !Not [!Condition IsProd]
  Both: !And [!Condition IsProd, !Condition IsTest]
  Either: !Or [!Condition IsProd, !Condition IsTest]
  Switch: !Equals [true, "true"]
  Odd: !Wonder [1]
Resources:
  Queue: {Type: AWS::SQS::Queue}
"""


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str):
        path = tmp_path / "template.yaml"
        path.write_text(dedent(text))
        return read_template(path, "eu-west-1")

    return read


@pytest.fixture
def value(read):
    """The value of an expression."""
    return lambda text: read(HEAD + f"Outputs: {text}").value(
        read(HEAD + f"Outputs: {text}").document["Outputs"]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("[1, {a: !Ref Stage}]", [1, {"a": "test"}]),
        ("!Ref Zones", ["a", "b"]),
        ("!Ref AWS::Region", "eu-west-1"),
        ("!Ref AWS::AccountId", "123456789012"),
        ("{Ref: Queue}", Reference("Queue")),
        ("!GetAtt Queue.Arn", Reference("Queue", "Arn")),
        ("{Fn::GetAtt: [Queue, Arn]}", Reference("Queue", "Arn")),
        ("!Sub '${AWS::StackName}-${Stage}-${!literal}'", "dev-test-${literal}"),
        ("!Sub ['${a}/${Stage}', {a: !Ref AWS::Partition}]", "aws/test"),
        ("!Join ['-', [a, !Ref Stage, true]]", "a-test-true"),
        ("!Select [1, !Ref Zones]", "b"),
        ("!FindInMap [Sizes, small, memory]", 128),
        ("!If [IsProd, big, small]", "small"),
        ("!If [IsTest, big, small]", "big"),
        ("!If [Both, 1, 2]", 2),
        ("!If [Either, 1, 2]", 1),
        ("!If [Switch, 1, 2]", 1),
        ("{a: 1, b: !If [IsProd, 1, !Ref AWS::NoValue]}", {"a": 1}),
        ("[1, !Ref AWS::NoValue]", [1]),
        ("{Fn::One: 1, Fn::Two: 2}", {"Fn::One": 1, "Fn::Two": 2}),
    ],
)
def test_values(value, text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!ImportValue other", "Fn::ImportValue has no value on this machine"),
        ("!Ref Secret", "Secret is no parameter with a default, and no resource"),
        ("!Ref Nothing", "Nothing is no parameter with a default, and no resource"),
        ("!Sub '${Queue}'", "Fn::Sub of the resource Queue is not known here"),
        ("!FindInMap [Sizes, large, memory]", "Sizes has no large, memory"),
        ("!If [Nothing, 1, 2]", "there is no condition 'Nothing'"),
        ("!If [Odd, 1, 2]", "Fn::Wonder is no condition"),
    ],
)
def test_values_that_only_aws_knows(value, text, message):
    with pytest.raises(TemplateError, match=message):
        value(text)


def test_resources_without_their_condition_are_left_out(read):
    template = read(HEAD + "  Prod: {Type: AWS::SQS::Queue, Condition: IsProd}\n")
    assert list(template.resources) == ["Queue"]


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
        read_template(tmp_path / "none.yaml", "eu-west-1")


def test_nothing_in_a_template_is_run(read):
    with pytest.raises(TemplateError, match="is no YAML"):
        read("Resources: {A: !!python/object/apply:os.getcwd []}")


def test_the_library_that_reads_yaml_may_be_missing(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lambent\[dev\]'"):
        read(HEAD)
