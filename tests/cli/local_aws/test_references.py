import pytest

from lambent.cli.local_aws.references import references


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("plain", []),
        ([1, {"a": {"Ref": "Stage"}}], ["Stage"]),
        ({"Ref": "AWS::Region"}, ["AWS::Region"]),
        ({"Fn::GetAtt": "Queue.Arn"}, ["Queue"]),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, ["Queue"]),
        ({"Fn::Sub": "${AWS::Region}-${Queue.Arn}-${Stage}-${!Literal}"}, ["AWS::Region", "Queue", "Stage"]),
        ({"Fn::Sub": ["${a}/${Stage}", {"a": {"Ref": "Table"}}]}, ["Stage", "Table"]),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]}, ["Stage"]),
        ({"Fn::If": ["IsProd", {"Ref": "Table"}, 1]}, ["IsProd", "Table"]),
        ({"Fn::Not": [{"Condition": "IsProd"}]}, ["IsProd"]),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}, []),
        ({"Fn::ImportValue": {"Fn::Sub": "${Stage}-x"}}, ["Fn::ImportValue"]),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}, ["Stage"]),
    ],
)  # fmt: skip
def test_names(expression, names):
    assert sorted(references(expression)) == names
