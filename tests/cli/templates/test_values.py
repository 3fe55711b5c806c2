"""Expressions of templates."""

from pathlib import Path

import pytest

from lambent.cli.local_aws.template import Template
from lambent.cli.templates.values import UNKNOWN, number_of, references, value_of

TEMPLATE = Template(
    Path("template.yaml"),
    {"Parameters": {"Mode": {"Default": "stream"}, "Seconds": {"Default": 120}, "Name": {}}, "Resources": {}},
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("stream", "stream"),
        (None, None),
        ({"Ref": "AWS::NoValue"}, None),
        ({"Ref": "Mode"}, "stream"),
        ({"Ref": "Name"}, UNKNOWN),
        ({"Ref": "Table"}, UNKNOWN),
        ({"Fn::If": ["Streams", "stream", "buffered"]}, UNKNOWN),
    ],
)
def test_values(expression, value):
    assert value_of(TEMPLATE, expression) is value or value_of(TEMPLATE, expression) == value


@pytest.mark.parametrize(
    ("expression", "number"),
    [(29, 29), ("29", 29), ({"Ref": "Seconds"}, 120), ({"Ref": "Name"}, None), (None, None)],
)
def test_numbers(expression, number):
    assert number_of(TEMPLATE, expression) == number


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ({"Ref": "Orders"}, ["Orders"]),
        ({"Ref": "Orders.Alias"}, ["Orders"]),
        ({"Fn::GetAtt": "Orders.Arn"}, ["Orders"]),
        ({"Fn::GetAtt": ["Orders", "Arn"]}, ["Orders"]),
        ({"Fn::Sub": "arn:${AWS::Partition}:lambda:path/${Orders.Arn}/${!Literal}"}, ["AWS", "Orders"]),
        ({"Fn::Sub": ["${Arn}/x", {"Arn": {"Fn::GetAtt": "Orders.Arn"}}]}, ["Arn", "Orders"]),
        ({"Fn::Join": ["", ["arn:", {"Ref": "Orders"}]]}, ["Orders"]),
        ([{"Id": {"Fn::GetAtt": ["Orders", "Arn"]}}], ["Orders"]),
        (None, []),
        ("arn:aws:lambda:eu-west-1:123456789012:function:orders", []),
    ],
)
def test_references(expression, names):
    assert list(references(expression)) == names
