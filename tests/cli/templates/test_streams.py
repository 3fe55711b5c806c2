"""What a function and its front ends have to agree about, and what is said where they do not."""

from pathlib import Path

import pytest
from tests.pages import blocks

from lambent.cli.local_aws.template import read_template
from lambent.cli.templates.streams import check_streams

ROOT = Path(__file__).parents[3]
URL = "FunctionUrlConfig: {AuthType: NONE, InvokeMode: RESPONSE_STREAM}"
STREAM = "LAMBENT_RESPONSE_MODE: stream"
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER: /opt/lambent-runtime"
LAYER = "Layers: [!Ref Layer]"
WHOLE = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/${Shop.Arn}/invocations"
STREAMED = WHOLE.replace("2015-03-31", "2021-11-15").replace("invocations", "response-streaming-invocations")
BUILD = (
    "Set AWS_LAMBDA_EXEC_WRAPPER to /opt/lambent-runtime with a layer of `lambent build --layer --stream`, "
    "or to /var/task/lambent-runtime where the function itself is built with `lambent build --stream`."
)


def check(tmp_path, *members, variables=(STREAM, WRAPPER), more="", runtime="Runtime: python3.13"):
    """The findings on a function, as level, subject, text and advice."""
    path = tmp_path / "template.yaml"
    path.write_text(f"""
Parameters: {{Mode: {{Type: String}}, Seconds: {{Type: Number, Default: 120}}}}
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {{ContentUri: layer}}
  Shop:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: shop
      {runtime}
      Environment: {{Variables: {{{", ".join(variables)}}}}}
      {chr(10).join(members).replace(chr(10), chr(10) + "      ")}
{more}""")
    return [(one.level, one.subject, one.text, one.advice) for one in check_streams(read_template(path))]


def method(**integration):
    given = {
        "Type": "AWS_PROXY",
        "ResponseTransferMode": "STREAM",
        "TimeoutInMillis": 900000,
        "Uri": STREAMED,
    }
    members = ", ".join(
        f'{name}: !Sub "{value}"' if name == "Uri" else f"{name}: {value}"
        for name, value in {**given, **integration}.items()
        if value is not None
    )
    return f"""
  Any:
    Type: AWS::ApiGateway::Method
    Properties: {{HttpMethod: ANY, Integration: {{{members}}}}}
"""


def test_a_function_that_streams(tmp_path):
    found = check(tmp_path, URL, LAYER, more=method())
    assert found == [("ok", "Shop", "streams through FunctionUrlConfig, Any", "")]


def test_nothing_streams(tmp_path):
    found = check(tmp_path, "FunctionUrlConfig: {AuthType: NONE}", variables=())
    assert found == [("ok", "streams", "no function streams, and no front end waits for a stream", "")]


@pytest.mark.parametrize(
    ("front", "more", "name"),
    [
        ("FunctionUrlConfig: {AuthType: NONE}", "", "FunctionUrlConfig (Function URL) buffers"),
        ("FunctionUrlConfig: {InvokeMode: BUFFERED}", "", "FunctionUrlConfig (Function URL) buffers"),
        ("Events: {Mcp: {Type: Api}}", "", "Mcp (REST API) buffers"),
        (
            "Events: {Mcp: {Type: Api, Properties: {ResponseTransferMode: STREAM}}}",
            "",
            "Mcp (REST API) buffers: STREAM does not make it stream",
        ),
        ("Timeout: 20", method(ResponseTransferMode=None, Uri=WHOLE), "Any (REST API) buffers"),
        ("Timeout: 20", method(ResponseTransferMode=None), "Any (REST API) buffers"),
    ],
)
def test_a_front_end_that_buffers_what_the_function_streams(tmp_path, front, more, name):
    ((level, subject, text, advice),) = check(tmp_path, front, LAYER, more=more)
    assert (level, subject, text) == ("wrong", "Shop", name)
    mode = "InvokeMode: RESPONSE_STREAM" if "URL" in name else "ResponseTransferMode: STREAM"
    assert advice.startswith(f"Give it {mode}")
    assert advice.endswith("or set LAMBENT_RESPONSE_MODE to buffered.")


def test_front_ends_that_never_stream(tmp_path):
    found = check(tmp_path, "Events: {Mcp: {Type: HttpApi}}", LAYER)
    assert found == [
        (
            "wrong",
            "Shop",
            "it streams, and has only front ends that never do: HTTP API",
            "Use a Function URL or a REST API, or set LAMBENT_RESPONSE_MODE to buffered.",
        )
    ]
    both = check(tmp_path, "Events: {Mcp: {Type: HttpApi}}", LAYER, URL)
    assert both == [("ok", "Shop", "streams through FunctionUrlConfig", "")]


@pytest.mark.parametrize(
    ("front", "more", "name"),
    [
        (URL, "", "FunctionUrlConfig (Function URL)"),
        (
            "Events: {Mcp: {Type: Api, Properties: {ResponseTransferMode: RESPONSE_STREAM}}}",
            "",
            "Mcp (REST API)",
        ),
        ("Timeout: 20", method(), "Any (REST API)"),
        ("Timeout: 20", method(ResponseTransferMode=None), "Any (REST API)"),
    ],
)
@pytest.mark.parametrize("variables", [(), (WRAPPER,), ("LAMBENT_RESPONSE_MODE: Buffered",)])
def test_a_front_end_that_waits_for_a_stream_that_does_not_come(tmp_path, front, more, name, variables):
    ((level, subject, text, advice),) = check(tmp_path, front, LAYER, more=more, variables=variables)
    assert (level, subject) == ("wrong", "Shop")
    assert text == f"{name} waits for a stream, and the function sends none"
    assert advice.startswith("Set LAMBENT_RESPONSE_MODE to stream, or leave ")


@pytest.mark.parametrize(
    ("runtime", "variables"),
    [
        ("Runtime: nodejs22.x", ()),
        ("Runtime: python3.13", ("AWS_LAMBDA_EXEC_WRAPPER: /opt/bootstrap",)),
        ("PackageType: Image", ()),
    ],
)
def test_functions_of_others_are_left_alone(tmp_path, runtime, variables):
    ((level, subject, _, _),) = check(tmp_path, URL, variables=variables, runtime=runtime)
    assert (level, subject) == ("ok", "streams")


@pytest.mark.parametrize(
    ("variables", "members", "text"),
    [
        ((STREAM,), (LAYER,), "AWS_LAMBDA_EXEC_WRAPPER is not set, so Lambda's own client buffers"),
        (
            (STREAM, "AWS_LAMBDA_EXEC_WRAPPER: /opt/otel-handler"),
            (LAYER,),
            "AWS_LAMBDA_EXEC_WRAPPER is /opt/otel-handler, which is not Lambent's",
        ),
        (
            (STREAM, "AWS_LAMBDA_EXEC_WRAPPER: lambent-runtime"),
            (LAYER,),
            "AWS_LAMBDA_EXEC_WRAPPER is lambent-runtime, which is not Lambent's",
        ),
        ((STREAM, WRAPPER), (), "/opt/lambent-runtime is in a layer, and the function has none"),
    ],
)
def test_nothing_that_streams_is_started(tmp_path, variables, members, text):
    found = check(tmp_path, URL, *members, variables=variables)
    assert found == [("wrong", "Shop", text, BUILD)]


@pytest.mark.parametrize(
    ("folders", "root", "level"),
    [
        (["layer/python"], "/opt", "wrong"),
        (["layer/python", "layer/lambent-runtime"], "/opt", "ok"),
        (["layer/python", "shop/lambent-runtime"], "/opt", "wrong"),
        (["layer"], "/opt", "ok"),  # what the layer is built of
        (["shop/lambent"], "/var/task", "wrong"),
        (["shop/lambent", "shop/lambent-runtime"], "/var/task", "ok"),
        (["shop"], "/var/task", "ok"),
    ],
)
def test_what_was_built_without_the_script(tmp_path, folders, root, level):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    wrapper = f"AWS_LAMBDA_EXEC_WRAPPER: {root}/lambent-runtime"
    ((found, _, text, _),) = check(tmp_path, URL, LAYER, variables=(STREAM, wrapper))
    assert found == level
    wrong = f"{root}/lambent-runtime is not there: what was built has no lambent-runtime"
    assert text == (wrong if level == "wrong" else "streams through FunctionUrlConfig")


def test_a_layer_that_is_elsewhere_may_have_the_script(tmp_path):
    (tmp_path / "layer" / "python").mkdir(parents=True)
    layers = "Layers: [!Ref Layer, !Ref LayerArn, 'arn:aws:lambda:eu-west-1:123456789012:layer:lambent:1']"
    assert [one[0] for one in check(tmp_path, URL, layers)] == ["ok"]


def test_runtimes_that_need_no_wrapper(tmp_path):
    provided = check(tmp_path, URL, variables=(STREAM,), runtime="Runtime: provided.al2023")
    assert [one[0] for one in provided] == ["ok"]
    image = check(tmp_path, URL, variables=(STREAM,), runtime="PackageType: Image")
    assert [one[0] for one in image] == ["note", "ok"]
    assert "lambent.hosts.aws_lambda.runtime_client" in image[0][3]


def test_an_integration_uri_that_is_not_the_one_of_streams(tmp_path):
    ((level, _, text, advice),) = check(tmp_path, LAYER, "Timeout: 20", more=method(Uri=WHOLE))
    assert (level, text) == ("wrong", "the integration URI of Any is not the one of streams")
    path = STREAMED.partition("lambda:")[2].replace("${Shop.Arn}", "<ARN of the function>")
    assert advice == f"Let it end with lambda:{path}."


@pytest.mark.parametrize(
    ("seconds", "milliseconds", "text", "advice"),
    [
        (
            901,
            900000,
            "its Timeout is 901",
            "An invocation, and with it a stream, takes at most 900 seconds.",
        ),
        (900, 900001, "TimeoutInMillis of Any is 900001", "Set it to at most 900000, which is 15 minutes."),
        (
            60,
            None,
            "Any ends a stream after 29 seconds, the function after 60",
            "Set its TimeoutInMillis to 60000 or more: the default is 29000.",
        ),
        (
            "!Ref Seconds",
            60000,
            "Any ends a stream after 60 seconds, the function after 120",
            "Set its TimeoutInMillis to 120000 or more: the default is 29000.",
        ),
    ],
)
def test_times_that_front_ends_do_not_allow(tmp_path, seconds, milliseconds, text, advice):
    found = check(tmp_path, LAYER, f"Timeout: {seconds}", more=method(TimeoutInMillis=milliseconds))
    assert found == [("wrong", "Shop", text, advice)]


def test_times_that_they_allow(tmp_path):
    for seconds in (29, 900, "!Ref Mode"):
        assert [one[0] for one in check(tmp_path, URL, LAYER, f"Timeout: {seconds}", more=method())] == ["ok"]


def test_an_api_beside_it_that_waits_less(tmp_path):
    found = check(tmp_path, URL, LAYER, "Timeout: 60", "Events: {Mcp: {Type: HttpApi}}")
    assert [one[:3] for one in found] == [
        ("note", "Shop", "Mcp (HTTP API) waits for 30 seconds, and the function may take 60"),
        ("ok", "Shop", "streams through FunctionUrlConfig"),
    ]


def test_settings_that_depend_on_parameters(tmp_path):
    unknown = check(tmp_path, URL, variables=("LAMBENT_RESPONSE_MODE: !Ref Mode",))
    assert [one[:3] for one in unknown] == [("note", "Shop", "LAMBENT_RESPONSE_MODE depends on parameters")]
    front = check(tmp_path, LAYER, "FunctionUrlConfig: {InvokeMode: !Ref Mode}")
    assert [one[:3] for one in front] == [
        ("note", "Shop", "whether FunctionUrlConfig streams depends on parameters")
    ]


def test_a_mode_that_there_is_not(tmp_path):
    ((level, _, text, advice),) = check(tmp_path, URL, LAYER, variables=("LAMBENT_RESPONSE_MODE: sse",))
    assert (level, text) == ("wrong", "LAMBENT_RESPONSE_MODE is sse")
    assert advice == "It is stream or buffered: with another value the function does not start."


def test_a_function_whose_front_end_is_elsewhere(tmp_path):
    ((level, _, text, _),) = check(tmp_path, LAYER)
    assert (level, text) == ("note", "it streams, and has no front end in this template")


@pytest.mark.parametrize(
    "path",
    [ROOT / "template.yaml", *sorted((ROOT / "deploy").glob("*/template.yaml"))],
    ids=lambda path: path.parent.name,
)
def test_the_templates_of_this_repository(path):
    assert [one.level for one in check_streams(read_template(path))] == ["ok"]


MAKEFILE = """\
LAMBENT ?= lambent

build-Shop:
\tcp *.py "$(ARTIFACTS_DIR)"
\t$(LAMBENT) build "$(ARTIFACTS_DIR)" --requirements requirements.txt
"""


@pytest.mark.parametrize(
    ("made", "level"),
    [
        (MAKEFILE, "wrong"),
        (MAKEFILE.replace("$(LAMBENT)", "lambent"), "wrong"),
        (MAKEFILE.replace("$(LAMBENT)", ".venv/bin/python -m lambent"), "wrong"),
        (MAKEFILE.replace(".txt", ".txt --stream"), "ok"),
        (MAKEFILE.replace(".txt", ".txt $(MORE)") + "MORE = --stream\n", "ok"),
        ("build-Shop:\n\t./build.sh\n", "ok"),  # what that does is not known
        (MAKEFILE.replace("build-Shop", "build-Other"), "ok"),
    ],
)
def test_a_makefile_that_builds_without_the_script(tmp_path, made, level):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "Makefile").write_text(made)
    wrapper = "AWS_LAMBDA_EXEC_WRAPPER: /var/task/lambent-runtime"
    ((found, _, text, advice),) = check(tmp_path, URL, variables=(STREAM, wrapper))
    assert found == level
    if level == "wrong":
        assert text == "shop/Makefile builds without --stream, so /var/task/lambent-runtime will not be there"
        assert advice == "Add --stream to its line `lambent build`."


def test_the_template_of_the_page(tmp_path):
    (block,) = [one for one in blocks(ROOT / "docs" / "streaming.md") if one.language == "yaml"]
    (tmp_path / "template.yaml").write_text(block.code)
    found = list(check_streams(read_template(tmp_path / "template.yaml")))
    assert [(one.level, one.text) for one in found] == [("ok", "streams through FunctionUrlConfig")]
