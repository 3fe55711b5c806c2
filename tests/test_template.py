"""The SAM application: what its template promises, read from the template; and mistakes that must not pass.

cfn-lint checks types, references and cycles, of what SAM makes of the template. The rules here are what it
cannot know: what belongs together, and what must not happen.
"""

import copy
import fnmatch
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support import full_server

from lambent import Settings
from lambent.cli.local_aws.template import Template, read_template
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.wire.discovery_paths import API_CATALOG
from lambent.wire.http import Request

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "template.yaml"
VARIANTS = sorted((ROOT / "deploy").glob("*/template.yaml"))
"""Other ways to deploy some of the functions."""

FOLDERS = sorted(app.parent.name for app in (ROOT / "functions").glob("*/app.py"))
ALONE = {"hello"}
"""Functions with a template of their own."""

HOSTS = ROOT / "runtime" / "lambent" / "hosts"
KNOWN = set(re.findall(r"LAMBENT_[A-Z_]+", (HOSTS / "settings.py").read_text()))
for kind in ("auth", "events"):
    read = re.findall(
        r'(?:text|several|number|truth)\("([A-Z_]+)"', (HOSTS / f"{kind}_settings.py").read_text()
    )
    KNOWN |= {f"LAMBENT_{kind.upper()}_{name}" for name in read}
KNOWN.add("REVISION")  # read by nobody: it is there to be another one
KNOWN.add("AWS_LAMBDA_EXEC_WRAPPER")  # read by Lambda
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
WEEK = 7 * 86_400
MCP_HEADERS = {
    "accept", "authorization", "content-type", "dpop", "last-event-id", "mcp-method", "mcp-name",
    "mcp-protocol-version", "mcp-session-id",
}  # fmt: skip
CHALLENGES = {"www-authenticate", "x-amzn-remapped-www-authenticate"}
"""The header of a challenge, and what API Gateway makes of it."""

PROTECTED_RESOURCE = "/.well-known/oauth-protected-resource"
"""Where the metadata of a server is, with the path of its endpoint behind it (RFC 9728, section 3.1)."""

NEEDS = {
    "LAMBENT_TABLE": ("Table", "dynamodb:"),
    "LAMBENT_TASK_QUEUE_URL": ("TaskQueue", "sqs:SendMessage"),
    "LAMBENT_EVENTS_QUEUE_URL": ("DeliveriesQueue", "sqs:SendMessage"),
    "LAMBENT_BUCKET": ("Bucket", "s3:"),
    "LAMBENT_STATE_SECRET": ("StateSecret", "secretsmanager:GetSecretValue"),
}
"""Variables, the resource that each names, and how the actions begin that it is no good without."""


class App(NamedTuple):
    """The template as the rules read it."""

    template: Template

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type, whatever their conditions."""
        resources = self.template.document["Resources"]
        return {
            name: self.template.properties(name)
            for name, resource in resources.items()
            if resource["Type"] == kind
        }

    @property
    def functions(self) -> dict[str, dict[str, Any]]:
        return self.of("AWS::Serverless::Function")

    def statements(self, role: str) -> list[dict[str, Any]]:
        policies = self.template.properties(role).get("Policies", ())
        return [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]

    def role_of(self, function: str) -> str:
        return str(self.functions[function]["Role"]["Fn::GetAtt"].partition(".")[0])

    def routes(self) -> Iterator[tuple[str, str, str]]:
        """Function, method and path of every route."""
        for name, function in self.functions.items():
            for event in (function.get("Events") or {}).values():
                if event["Type"] == "HttpApi":
                    yield name, event["Properties"]["Method"], event["Properties"]["Path"]

    def sources(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Function, queue and properties of every queue's messages."""
        for name, function in self.functions.items():
            for event in (function.get("Events") or {}).values():
                if event["Type"] == "SQS":
                    queue = event["Properties"]["Queue"]["Fn::GetAtt"].partition(".")[0]
                    yield name, queue, event["Properties"]


def variables(function: Mapping[str, Any]) -> dict[str, Any]:
    return dict(function.get("Environment", {}).get("Variables", {}))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


Rule = Callable[[App], Iterator[str]]
RULES: dict[str, Rule] = {}


def rule(check: Rule) -> Rule:
    """Register what gives a sentence for every mistake."""
    RULES[check.__name__] = check
    return check


@rule
def functions_run_what_layers_are_built_for(app: App) -> Iterator[str]:
    layers = app.of("AWS::Serverless::LayerVersion")
    for name, layer in layers.items():
        if layer["CompatibleRuntimes"] != ["python3.13"] or layer["ContentUri"] != "layers":
            yield f"{name} is another layer than layers/ builds"
        if app.template.document["Resources"][name]["Metadata"]["BuildMethod"] != "makefile":
            yield f"{name} is not built by its Makefile"
    for name, function in app.functions.items():
        if function["Runtime"] != "python3.13" or function["Architectures"] != [{"Ref": "Architecture"}]:
            yield f"{name} runs on something else"
        used = {layer["Ref"] for layer in function.get("Layers", ())}
        if "RuntimeLayer" not in used or not used <= set(layers):
            yield f"{name} has no library"
        if variables(function).get("LAMBENT_CARDS") and "CardsLayer" not in used:
            yield f"{name} has no cards"


@rule
def every_folder_of_functions_is_deployed_with_its_route(app: App) -> Iterator[str]:
    routed = {app.functions[name]["CodeUri"]: name for name, _, _ in app.routes() if name != "CardsFunction"}
    for folder in set(FOLDERS) - ALONE:
        name = routed.get(f"functions/{folder}")
        if name is None:
            yield f"functions/{folder} has no route"
            continue
        endpoint = variables(app.functions[name]).get("LAMBENT_MCP_PATH")
        if endpoint != f"/{folder}/mcp":
            yield f"{name} answers at {endpoint}"
        own = {(method, path) for function, method, path in app.routes() if function == name}
        exact = {("ANY", str(endpoint)), ("ANY", f"{endpoint}/{{proxy+}}")}
        if not (exact <= own or ("ANY", f"/{folder}/{{proxy+}}") in own):
            yield f"{name} has no route to its endpoint and to its card"
    for name, method, path in app.routes():
        is_metadata = path.startswith(PROTECTED_RESOURCE)
        if name != "CardsFunction" and method != "ANY" and not is_metadata:
            # API Gateway does not add HEAD to GET.
            yield f"{name}: {method} {path} leaves methods out"
    documents = "/.well-known/{proxy+}"
    if {route for route in app.routes() if route[0] == "CardsFunction"} != {
        ("CardsFunction", "GET", documents),
        ("CardsFunction", "HEAD", documents),
    }:
        yield "the discovery documents have no routes, or what publishes them takes calls"
    routes = [(method, path) for _, method, path in app.routes()]
    if len(routes) != len(set(routes)):
        yield "two functions have the same route"


@rule
def clients_find_the_metadata_of_a_server_without_a_challenge(app: App) -> Iterator[str]:
    """The document at the root is one of those of CardsFunction; preflights are the API's."""
    routes = list(app.routes())
    endpoints = {
        name: str(variables(app.functions[name])["LAMBENT_MCP_PATH"])
        for name, _, _ in routes
        if name != "CardsFunction" and "LAMBENT_MCP_PATH" in variables(app.functions[name])
    }
    # By method: a route of another function with a longer path variable must not come first.
    wanted = {
        (name, method, f"{PROTECTED_RESOURCE}{endpoint}")
        for name, endpoint in endpoints.items()
        for method in ("GET", "HEAD")
    }
    found = {route for route in routes if route[2].startswith(PROTECTED_RESOURCE)}
    for name, method, path in sorted(wanted - found):
        yield f"{name} has no route {method} {path}"
    for name, method, path in sorted(found - wanted):
        yield f"{name}: {method} {path} is not the metadata of its endpoint, or takes calls"


@rule
def the_api_is_throttled_and_logged(app: App) -> Iterator[str]:
    api = app.template.properties("Api")
    if not {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= set(api.get("DefaultRouteSettings", ())):
        yield "everybody may call as often as they like"
    choices = list(_access_logs(api.get("AccessLogSettings")))
    if len(choices) != 2:
        yield "requests are not logged, or in one way only"
    for access in choices:
        if access["DestinationArn"] != {"Fn::GetAtt": "ApiLogs.Arn"}:
            yield "requests are logged elsewhere"
        try:
            fields = json.loads(access["Format"])
        except ValueError:
            yield "the access log is no JSON"
        else:
            if not {"requestId", "status", "path", "ip"} <= set(fields):
                yield "the access log says too little"


def _access_logs(settings: Any) -> Iterator[dict[str, Any]]:
    """The settings of the API's log, for every value of ``AccessLog`` but the one that leaves it out."""
    condition, given, otherwise = (settings or {}).get("Fn::If", (None, None, None))
    if condition != "HasAccessLog" or otherwise != {"Ref": "AWS::NoValue"}:
        return
    which, full, short = given["Format"]["Fn::If"]
    if which == "HasFullAccessLog" and len(full) > len(short):
        for text in (full, short):
            yield {**given, "Format": text}


@rule
def logs_say_what_fails_and_cost_little(app: App) -> Iterator[str]:
    """Metrics are printed without a level, and Lambda takes that for INFO: at WARN they would be lost."""
    wanted = {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": {"Ref": "SystemLogLevel"},
    }
    for name, function in app.functions.items():
        config = function.get("LoggingConfig", {})
        if {key: config.get(key) for key in wanted} != wanted:
            yield f"{name} logs in another way"
    if app.template.document["Parameters"]["SystemLogLevel"]["Default"] != "WARN":
        yield "every invocation has lines of Lambda's own"


@rule
def pages_may_send_what_clients_send(app: App) -> Iterator[str]:
    cors = app.template.properties("Api").get("CorsConfiguration", {})
    sources = "".join(path.read_text() for path in (ROOT / "functions").glob("*/*.py"))
    own = {f"mcp-param-{name.lower()}" for name in re.findall(r'McpHeader\("([\w-]+)"\)', sources)}
    if missing := (MCP_HEADERS | own) - set(cors.get("AllowHeaders", ())):
        yield f"pages may not send {', '.join(sorted(missing))}"
    if missing := {*CHALLENGES, "mcp-session-id", "etag"} - set(cors.get("ExposeHeaders", ())):
        yield f"pages may not read {', '.join(sorted(missing))}"
    if not {"GET", "HEAD", "POST", "DELETE", "OPTIONS"} <= set(cors.get("AllowMethods", ())):
        yield "pages may not use every method"
    if cors.get("AllowCredentials"):
        yield "pages of every origin would send cookies"
    for name, function in app.functions.items():
        if variables(function).get("LAMBENT_ALLOWED_ORIGINS") != {"Ref": "AllowedOrigins"}:
            yield f"{name} does not know which pages may call it"
        if variables(function).get("LAMBENT_PAGE") != {"Ref": "Page"}:
            yield f"{name} does not know whether it has a page"


@rule
def every_log_ends(app: App) -> Iterator[str]:
    groups = app.of("AWS::Logs::LogGroup")
    for name, group in groups.items():
        if group.get("RetentionInDays") != {"Ref": "LogRetentionDays"}:
            yield f"{name} is kept forever"
        if app.template.document["Resources"][name].get("DeletionPolicy") != "Delete":
            yield f"{name} outlives its stack"
    own = [
        function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref")
        for function in app.functions.values()
    ]
    if not set(own) <= set(groups) or len(own) != len(set(own)):
        yield "a function has no log group of its own"


@rule
def roles_allow_no_more_than_they_must(app: App) -> Iterator[str]:
    roles = [app.role_of(name) for name in app.functions]
    if len(roles) != len(set(roles)):
        yield "two functions share a role"
    for name, function in app.functions.items():
        if "Policies" in function:
            yield f"{name}: SAM ignores policies beside a role"
        logs = function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref")
        writes = [one for one in app.statements(app.role_of(name)) if one.get("Sid") == "Logs"]
        if [one["Resource"] for one in writes] != [{"Fn::GetAtt": f"{logs}.Arn"}]:
            yield f"{name} may not write its log"
        for one in app.statements(app.role_of(name)):
            if any(action.startswith("dynamodb:") for action in listed(one["Action"])):
                keys = one.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys")
                if not keys or "*" in keys:
                    yield f"{name} may use all items of the table"
    for name, role in app.of("AWS::IAM::Role").items():
        if "ManagedPolicyArns" in role:
            yield f"{name} has policies that AWS wrote for everybody"
        yield from _statements(name, app.statements(name))
        yield from _statements(name, role["AssumeRolePolicyDocument"]["Statement"])
    for name, policy in app.of("AWS::S3::BucketPolicy").items():
        given = [
            two
            for one in policy["PolicyDocument"]["Statement"]
            for two in one.get("Fn::If", [None, one])[1:2]
        ]
        yield from _statements(name, given)


def _statements(where: str, statements: list[dict[str, Any]]) -> Iterator[str]:
    sids = [one.get("Sid") for one in statements]
    if None in sids or len(sids) != len(set(sids)):
        yield f"{where}: a statement without a name of its own"
    for one in statements:
        if one["Effect"] == "Deny":
            continue
        if "*" in listed(one.get("Resource", "")):
            yield f"{where}: {one.get('Sid')} allows everything of everybody"
        if any("*" in action for action in listed(one["Action"])):
            yield f"{where}: {one.get('Sid')} allows actions that are not named"
        if one.get("Principal") == "*":
            yield f"{where}: {one.get('Sid')} allows everybody"


@rule
def functions_may_use_what_they_are_told_of(app: App) -> Iterator[str]:
    for name, function in app.functions.items():
        told, statements = variables(function), app.statements(app.role_of(name))
        for variable, (resource, prefix) in NEEDS.items():
            actions = [
                action
                for one in statements
                if resource in json.dumps(one["Resource"])
                for action in listed(one["Action"])
            ]
            if variable in told and told[variable] != {"Ref": resource}:
                yield f"{name}: {variable} is another resource"
            if variable in told and not any(action.startswith(prefix) for action in actions):
                yield f"{name} may not use {variable}"
        reads = [action for one in statements for action in listed(one["Action"]) if "secret" in action]
        if "LAMBENT_STATE_SECRET" in told and reads != ["secretsmanager:GetSecretValue"]:
            yield f"{name} may do more with the secret than read it"
        if "LAMBENT_STATE_SECRET" not in told and reads and name != "RotationFunction":
            yield f"{name} may read a secret that it does not need"


@rule
def variables_are_known(app: App) -> Iterator[str]:
    for name, function in app.functions.items():
        folder = app.template.path.parent / str(function.get("CodeUri"))
        sources = "".join(path.read_text() for path in folder.glob("*.py")) + function.get("InlineCode", "")
        for variable in variables(function):
            if variable not in KNOWN and f'"{variable}"' not in sources:
                yield f"{name}: nobody reads {variable}"


@rule
def no_client_names_addresses_of_a_function(app: App) -> Iterator[str]:
    for name, function in app.functions.items():
        if {"LAMBENT_EVENTS_LOCAL_CALLBACKS", "LAMBENT_EVENTS_ALLOWED_CALLBACKS"} & set(variables(function)):
            yield f"{name} sends to endpoints that nobody has verified, or within Lambda"


@rule
def nothing_secret_is_baked_in(app: App) -> Iterator[str]:
    if "{{resolve:" in json.dumps(app.template.document, default=str):
        yield "a dynamic reference writes the secret into the configuration of functions"
    for name, function in app.functions.items():
        if "LAMBENT_STATE_KEYS" in variables(function):
            yield f"{name} has the keys in its configuration"


@rule
def the_secret_is_rotated(app: App) -> Iterator[str]:
    if app.template.properties("StateSecret")["GenerateSecretString"]["PasswordLength"] < 32:
        yield "the secret is too short"
    schedules = list(app.of("AWS::SecretsManager::RotationSchedule").values())
    wanted = {"Ref": "StateSecret"}, {"Fn::GetAtt": "RotationFunction.Arn"}
    if [(one["SecretId"], one["RotationLambdaARN"]) for one in schedules] != [wanted]:
        yield "the secret is never rotated"
    granted = [
        (one["FunctionName"], one.get("SourceAccount"))
        for one in app.of("AWS::Lambda::Permission").values()
        if one["Principal"] == "secretsmanager.amazonaws.com"
    ]
    if granted != [(wanted[1], {"Ref": "AWS::AccountId"})]:
        yield "Secrets Manager of this account, and only of this, must be able to call the function"


@rule
def the_table_forgets_and_keeps_to_itself(app: App) -> Iterator[str]:
    table = app.template.properties("Table")
    if table.get("BillingMode") != "PAY_PER_REQUEST":
        yield "the table costs what nobody uses"
    if table.get("TimeToLiveSpecification") != {"AttributeName": "purge_at", "Enabled": True}:
        yield "the table forgets nothing"
    if table.get("SSESpecification") != {"SSEEnabled": True}:
        yield "the table is not encrypted with a key of the account"
    recovery = {"PointInTimeRecoveryEnabled": {"Ref": "PointInTimeRecovery"}}
    if table.get("PointInTimeRecoverySpecification") != recovery:
        yield "the table's recovery has no parameter"


@rule
def queues_outwait_their_workers(app: App) -> Iterator[str]:
    queues, sources = app.of("AWS::SQS::Queue"), list(app.sources())
    for function, queue, source in sources:
        if queues[queue]["VisibilityTimeout"] < 6 * app.functions[function]["Timeout"]:
            yield f"{queue} brings messages again that {function} is still at"
        if "ReportBatchItemFailures" not in source.get("FunctionResponseTypes", ()):
            yield f"{queue} brings all of a batch again"
        if "MaximumConcurrency" not in source.get("ScalingConfig", {}):
            yield f"{queue} may take all of the account's concurrency"
        own = {"Ref": queue} in variables(app.functions[function]).values()
        if own and app.functions[function].get("RecursiveLoop") != "Allow":
            yield f"{function} may not hand anything on more often than sixteen times"
        receives = [
            one
            for one in app.statements(app.role_of(function))
            if "sqs:ReceiveMessage" in listed(one["Action"])
        ]
        if {"Fn::GetAtt": f"{queue}.Arn"} not in [two for one in receives for two in listed(one["Resource"])]:
            yield f"{function} may not read {queue}"
    dead_letters = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"].partition(".")[0]
        for queue in queues.values()
        if "RedrivePolicy" in queue
    }
    read, missed = {source for _, source, _ in sources}, set(missed_queues(app).values())
    for name, queue in queues.items():
        if name not in read | missed:
            yield f"nobody reads {name}"
        if name in read - dead_letters and "RedrivePolicy" not in queue:
            yield f"messages of {name} that no function survives come back for days"
        if not queue.get("SqsManagedSseEnabled"):
            yield f"{name} is not encrypted"
        if "RedrivePolicy" in queue:
            dead = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"].partition(".")[0]
            if queues[dead]["MessageRetentionPeriod"] <= queue["MessageRetentionPeriod"]:
                yield f"{dead} keeps messages no longer than {name}, and their age counts from the beginning"


def missed_queues(app: App) -> dict[str, str]:
    """The queue of what a function has failed at, by function."""
    return {
        name: function["DeadLetterQueue"]["TargetArn"]["Fn::GetAtt"].partition(".")[0]
        for name, function in app.functions.items()
        if "DeadLetterQueue" in function
    }


@rule
def what_happens_reaches_who_waits_for_it(app: App) -> Iterator[str]:
    index = {
        "IndexName": "by_topic",
        "KeySchema": [
            {"AttributeName": "topic", "KeyType": "HASH"},
            {"AttributeName": "pk", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    table = app.template.properties("Table")
    if table.get("GlobalSecondaryIndexes") != [index]:
        yield "subscriptions cannot be found"
    told = {name for name, one in app.functions.items() if "LAMBENT_EVENTS_QUEUE_URL" in variables(one)}
    delivering = {function for function, queue, _ in app.sources() if queue == "DeliveriesQueue"}
    if len(delivering) != 1 or not delivering < told:
        yield "nobody delivers, or nobody has anything to deliver"
    for name in told:
        allowed = {
            action
            for one in app.statements(app.role_of(name))
            if one["Resource"] == {"Fn::GetAtt": "Table.Arn"}
            for action in listed(one["Action"])
            if "EVENT*" in one["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        }
        emits = set() if name in delivering else {"dynamodb:UpdateItem"}
        items = {f"dynamodb:{action}" for action in ("BatchGetItem", "DeleteItem", "GetItem", "PutItem")}
        if allowed != items | emits:
            yield f"{name} may do less with what happened than it must, or more"
        events = (app.functions[name].get("Events") or {}).values()
        sweeps = [
            one["Properties"].get("Input") == '{"lambent": "sweep"}'
            for one in events
            if one["Type"] == "Schedule"
        ]
        if sweeps != [True] * (name in delivering):
            yield f"{name}: nobody sends again what a crash has stopped, or others do"
        queries = [one for one in app.statements(app.role_of(name)) if one["Action"] == "dynamodb:Query"]
        where = [(one["Resource"], one.get("Condition")) for one in queries]
        limited = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["EVENT*"]}}
        if where != [({"Fn::Sub": "${Table.Arn}/index/by_topic"}, limited)] * (name in delivering):
            yield f"{name} cannot find subscriptions, or may more than that"
    for name, function in app.functions.items():
        for event in (function.get("Events") or {}).values():
            if event["Type"] != "EventBridgeRule":
                continue
            if event["Properties"].get("EventBusName") != {"Ref": "EventBus"}:
                yield f"{name} listens to another bus"
            if not event["Properties"].get("Pattern", {}).get("detail-type"):
                yield f"{name} is called with everything that happens"
            missed = missed_queues(app).get(name)
            sends = [
                one["Resource"]
                for one in app.statements(app.role_of(name))
                if "sqs:SendMessage" in listed(one["Action"])
            ]
            if missed is None or {"Fn::GetAtt": f"{missed}.Arn"} not in sends:
                yield f"what {name} fails at is gone"


@rule
def the_bucket_is_private_and_forgets_tasks_only(app: App) -> Iterator[str]:
    bucket = app.template.properties("Bucket")
    blocks = bucket.get("PublicAccessBlockConfiguration", {})
    if [blocks.get(name) for name in BLOCKS] != [True] * 4:
        yield "the bucket can be made public"
    rules = bucket.get("LifecycleConfiguration", {}).get("Rules", ())
    if sorted(one.get("Prefix", "") for one in rules) != ["arguments/", "results/"]:
        yield "the lifecycle touches something else than arguments/ and results/"
    if any(one["Status"] != "Enabled" or one["ExpirationInDays"] * 86_400 <= WEEK for one in rules):
        yield "large results are gone before their task is, or never"
    if not bucket.get("BucketEncryption"):
        yield "the bucket does not say how it is encrypted"
    denied = [
        one for one in app.template.properties("BucketPolicy")["PolicyDocument"]["Statement"] if "Sid" in one
    ]
    if not any(one["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(one) for one in denied):
        yield "the bucket answers over connections that anybody can read"


BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


@rule
def cards_are_published_and_taken_away(app: App) -> Iterator[str]:
    (cards,) = app.of("Custom::ServerCards").values()
    if cards["ServiceToken"] != {"Fn::GetAtt": "CardsFunction.Arn"}:
        yield "the cards' resource has another function"
    if cards["Bucket"] != {"Ref": "Bucket"} or cards.get("EmptyOnDelete") is not True:
        yield "a stack with anything in its bucket cannot be deleted"
    for function, _, _ in app.sources():
        after = listed(app.template.document["Resources"][function].get("DependsOn", []))
        if "LAMBENT_BUCKET" in variables(app.functions[function]) and "ServerCards" not in after:
            yield f"{function} writes into the bucket while it is emptied"
    if cards.get("Content") != {"Ref": "CardsLayer"}:
        yield "a changed card is not published"
    actions = {
        (action, json.dumps(one["Resource"]))
        for one in app.statements(app.role_of("CardsFunction"))
        for action in listed(one["Action"])
    }
    cards_only, objects = (
        json.dumps({"Fn::Sub": "${Bucket.Arn}/cards/*"}),
        json.dumps({"Fn::Sub": "${Bucket.Arn}/*"}),
    )
    itself = json.dumps({"Fn::GetAtt": "Bucket.Arn"})
    wanted = {("s3:PutObject", cards_only), ("s3:DeleteObject", objects), ("s3:ListBucket", itself)}
    found = {(action, resource) for action, resource in actions if action.startswith("s3:")}
    if found != wanted:
        yield "the cards' function may do less than its work in the bucket, or more"


@rule
def what_is_called_is_a_version(app: App) -> Iterator[str]:
    for name, function in app.functions.items():
        on = function.get("SnapStart", {}).get("ApplyOn")
        if function.get("Events"):
            if not (function.get("AutoPublishAlias") and function.get("AutoPublishAliasAllProperties")):
                yield f"{name}: another layer or setting makes no new version"
            if on != {"Fn::If": ["HasSnapStart", "PublishedVersions", "None"]}:
                yield f"{name} has no parameter for its snapshots"
        elif on != "None":
            yield f"{name} has snapshots that nobody starts from"


@rule
def versions_follow_layers_and_parameters(app: App) -> Iterator[str]:
    """SAM compares texts: those of layers where it is told to, and values of parameters are in no text."""
    for name, layer in app.of("AWS::Serverless::LayerVersion").items():
        if layer.get("PublishLambdaVersion") is not True:
            yield f"another {name} reaches nobody"
    parameters = app.template.document["Parameters"]
    settings = app.template.properties("SettingsVersion")["Content"]["Fn::Sub"]
    for name, function in app.functions.items():
        if not function.get("AutoPublishAlias"):
            continue
        said, told = json.dumps(function.get("VersionDescription", "")), json.dumps(variables(function))
        if "${SettingsVersion}" in said:
            said += settings
        for parameter in sorted({"SnapStart", *re.findall(r'\{"Ref": "(\w+)"\}', told)} & set(parameters)):
            secret = parameters[parameter].get("NoEcho", False)
            if secret and f"Has{parameter}" not in said:
                yield f"{name}: setting {parameter} reaches nobody"
            if not secret and f"${{{parameter}}}" not in said:
                yield f"{name}: another {parameter} reaches nobody"
            if secret and f"${{{parameter}}}" in said:
                yield f"{name}: {parameter} is told to everybody"
        described = listed(function.get("VersionDescription", {}).get("Fn::Sub", ""))[0]
        for parameter in set(re.findall(r"\$\{(\w+)\}", described)) & set(parameters):
            if not {"MaxLength", "AllowedValues"} & set(parameters[parameter]):
                yield f"{name}: {parameter} may be longer than the description of a version"


def holds(assertion: Any, values: Mapping[str, str]) -> Any:
    """The value of an expression in the section Rules, with the functions that are used there."""
    if not isinstance(assertion, dict):
        return assertion
    ((function, given),) = assertion.items()
    if function == "Ref":
        return values[given]
    arguments = [holds(one, values) for one in given]
    match function:
        case "Fn::Or":
            return any(arguments)
        case "Fn::Not":
            return not arguments[0]
        case "Fn::Equals":
            return arguments[0] == arguments[1]
    raise NotImplementedError(function)


def allows(document: Mapping[str, Any], **given: str) -> bool:
    """Whether CloudFormation would deploy with these values of parameters."""
    values = {name: parameter.get("Default", "") for name, parameter in document["Parameters"].items()}
    assertions = [one for each in document.get("Rules", {}).values() for one in each["Assertions"]]
    return all(holds(one["Assert"], {**values, **given}) for one in assertions)


@rule
def nobody_is_let_in_unasked(app: App) -> Iterator[str]:
    document = app.template.document
    if allows(document) or allows(document, BackofficeKey="secret", AuthClientIds="app"):
        yield "it is deployed without anybody having said who may call"
    if not allows(document, AllowAnonymous="true") or not allows(document, AuthIssuer="https://a.example"):
        yield "it cannot be deployed at all"
    for each in document.get("Rules", {}).values():
        for one in each["Assertions"]:
            text = one.get("AssertDescription", "")
            if not ("AuthIssuer" in text and "AllowAnonymous=true" in text):
                yield "who is refused is not told what to set"
    issuer = document["Parameters"]["AuthIssuer"].get("AllowedPattern", "")
    for url in ISSUERS:
        if re.fullmatch(issuer, url) is None:
            yield f"{url!r} is refused as an issuer"
    for url in NO_ISSUERS:
        if re.fullmatch(issuer, url) is not None:
            yield f"{url!r} is taken for an issuer"
    for name, function in app.functions.items():
        told = variables(function)
        if {variable: told.get(variable) for variable in AUTH} != {
            variable: {"Ref": parameter} for variable, parameter in AUTH.items()
        }:
            yield f"{name} does not know who may call it"
        for variable, parameter in SCOPES.items():
            sources = "".join(path.read_text() for path in (ROOT / str(function.get("CodeUri"))).glob("*.py"))
            wanted = {"Fn::If": ["HasIssuer", {"Ref": parameter}, ""]}
            if f'"{variable}"' in sources and told.get(variable) != wanted:
                yield f"{name}: a tool with effects needs no scope"


AUTH = {
    "LAMBENT_AUTH_ANONYMOUS": "AllowAnonymous",
    "LAMBENT_AUTH_AUDIENCE": "AuthAudience",
    "LAMBENT_AUTH_CLIENT_IDS": "AuthClientIds",
    "LAMBENT_AUTH_ISSUER": "AuthIssuer",
    "LAMBENT_AUTH_SCOPES": "AuthScopes",
}
SCOPES = {"REFUND_SCOPE": "RefundScope", "SHIPPING_SCOPE": "ShippingScope"}
ISSUERS = (
    "",
    "https://login.example.com",
    "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E",
    "https://a.example/,https://b.example/realms/x",
    "http://127.0.0.1:8080/tenant",
    "http://localhost,https://a.example",
    "http://[::1]:80",
)
NO_ISSUERS = (
    "http://login.example.com",
    "login.example.com",
    "http://localhost.example.com",
    "http://127.0.0.1:8080@a.example",
    "https://a.example,http://b.example",
    "https://a.example,",
    "https://a.example https://b.example",
    "https://a.example?tenant=1",
)


@rule
def alarms_watch_every_function(app: App) -> Iterator[str]:
    alarms = app.of("AWS::CloudWatch::Alarm")
    for metric in ("Errors", "Throttles"):
        watched = {
            dimension["Value"]["Ref"]
            for alarm in alarms.values()
            for one in alarm.get("Metrics", ())
            if one.get("MetricStat", {}).get("Metric", {}).get("MetricName") == metric
            for dimension in one["MetricStat"]["Metric"]["Dimensions"]
        }
        if missing := set(app.functions) - watched:
            yield f"nobody notices {metric} of {', '.join(sorted(missing))}"
    simple = {(one.get("MetricName"), json.dumps(one.get("Dimensions"))) for one in alarms.values()}
    for metric, queue in [
        ("NumberOfMessagesReceived", "DeadTaskQueue"),
        ("ApproximateAgeOfOldestMessage", "TaskQueue"),
        ("NumberOfMessagesReceived", "DeadDeliveriesQueue"),
        ("ApproximateAgeOfOldestMessage", "DeliveriesQueue"),
        *(("ApproximateNumberOfMessagesVisible", queue) for queue in missed_queues(app).values()),
    ]:
        if not any(name == metric and f'"{queue}.QueueName"' in where for name, where in simple):
            yield f"nobody notices {metric} of {queue}"
    given_up = [one for one in alarms.values() if one.get("MetricName") == "EventsAbandoned"]
    if [(one["Namespace"], one["Dimensions"]) for one in given_up] != [
        ({"Ref": "AWS::StackName"}, [{"Name": "service", "Value": "orders"}])
    ]:
        yield "nobody notices events that are given up"
    for name, alarm in alarms.items():
        if alarm.get("AlarmActions") != {
            "Fn::If": ["HasAlarmEmail", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]
        }:
            yield f"{name} tells nobody"
        if alarm.get("TreatMissingData") != "notBreaching":
            yield f"{name} rings where nothing happens"


@rule
def metrics_are_written_where_powertools_is(app: App) -> Iterator[str]:
    for name, function in app.functions.items():
        has_library = {"Ref": "ExtrasLayer"} in function.get("Layers", ())
        namespace = variables(function).get("LAMBENT_METRICS")
        if has_library and namespace != {"Ref": "AWS::StackName"}:
            yield f"{name} writes no metrics, or where no dashboard looks"
        if namespace is not None and not has_library:
            yield f"{name} cannot write metrics"


@rule
def the_dashboard_shows_what_there_is(app: App) -> Iterator[str]:
    dashboards = list(app.of("AWS::CloudWatch::Dashboard").values())
    if len(dashboards) != 1:
        yield "there is no dashboard, or more than one"
        return
    widgets = json.loads(dashboards[0]["DashboardBody"]["Fn::Sub"])["widgets"]
    shown = [metric for widget in widgets for metric in widget["properties"].get("metrics", ())]
    texts = [json.dumps(metric) for metric in shown]
    for metric, statistic in [
        ("Calls", "Sum"), ("Errors", "Sum"), ("Latency", "p50"), ("Latency", "p99"), ("ColdStarts", "Sum"),
    ]:  # fmt: skip
        search = (
            f'SEARCH(\'{{"${{AWS::StackName}}",service,method,tool}} '
            f"MetricName=\"{metric}\"', '{statistic}', 300)"
        )
        if [{"expression": search}] not in shown:
            yield f"nobody sees {metric} of tools ({statistic})"
    for name in app.functions:
        for metric in ("Invocations", "Errors", "Throttles"):
            if ["AWS/Lambda", metric, "FunctionName", f"${{{name}}}"] not in shown:
                yield f"nobody sees {metric} of {name}"
    for metric, queue in [
        ("ApproximateAgeOfOldestMessage", "TaskQueue"), ("NumberOfMessagesReceived", "DeadTaskQueue"),
        ("ApproximateAgeOfOldestMessage", "DeliveriesQueue"),
        ("NumberOfMessagesReceived", "DeadDeliveriesQueue"),
        *(("ApproximateNumberOfMessagesVisible", queue) for queue in missed_queues(app).values()),
    ]:  # fmt: skip
        if not any(metric in text and f"${{{queue}.QueueName}}" in text for text in texts):
            yield f"nobody sees {metric} of {queue}"
    for name, function in app.functions.items():
        logs = function["LoggingConfig"]["LogGroup"]["Ref"]
        queries = "".join(widget["properties"].get("query", "") for widget in widgets)
        if function.get("Events") and f"SOURCE '${{{logs}}}'" not in queries:
            yield f"nobody sees cold starts of {name}"
    places = [(widget["x"], widget["y"]) for widget in widgets]
    if len(places) != len(set(places)) or any(
        widget["x"] + widget["width"] > 24 or widget["properties"]["region"] != "${AWS::Region}"
        for widget in widgets
    ):
        yield "a panel is covered, or of another region"


@rule
def cloudfront_serves_cards_and_caches_nothing_else(app: App) -> Iterator[str]:
    config = app.template.properties("Distribution")["DistributionConfig"]
    default = config["DefaultCacheBehavior"]
    if (default["TargetOriginId"], default["CachePolicyId"], default["OriginRequestPolicyId"]) != (
        "api",
        CACHING_DISABLED,
        ALL_BUT_HOST,
    ):
        yield "answers of servers are cached, or do not reach the API"
    if "POST" not in default["AllowedMethods"] or "POST" in default.get("CachedMethods", ()):
        yield "POST does not get through"
    behaviors = {one["PathPattern"]: one for one in config["CacheBehaviors"]}
    endpoints = [
        str(variables(one)["LAMBENT_MCP_PATH"])
        for one in app.functions.values()
        if "LAMBENT_MCP_PATH" in variables(one)
    ]
    for endpoint in endpoints:
        documents = DiscoveryDocuments(full_server().freeze(), Settings(mcp_path=endpoint))
        for path in documents.by_path("https://tools.example.com"):
            if not any(fnmatch.fnmatchcase(path, pattern) for pattern in behaviors):
                yield f"{path} takes an invocation"
    for path in (
        *endpoints,
        PROTECTED_RESOURCE,
        *(f"{PROTECTED_RESOURCE}{endpoint}" for endpoint in endpoints),
    ):
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in behaviors):
            yield f"{path} does not reach its function"
    for pattern, one in behaviors.items():
        if one["TargetOriginId"] != "cards" or one["CachePolicyId"] != {"Ref": "CardsCaching"}:
            yield f"{pattern} does not come from the bucket"
        if one.get("Compress") is not False:
            yield f"{pattern} would have weak ETags"
        if {"GET", "HEAD", "OPTIONS"} != set(one["AllowedMethods"]):
            yield f"{pattern} allows other methods than the bucket has"
    headers = app.template.properties("CardsForEverybody")["ResponseHeadersPolicyConfig"]
    catalog = DiscoveryDocuments(full_server().freeze(), Settings()).answer(Request("HEAD", API_CATALOG, {}))
    custom = {
        one["Header"].lower(): one["Value"] for one in headers.get("CustomHeadersConfig", {}).get("Items", ())
    }
    if catalog is None or custom.get("link") != catalog.headers["link"]:
        yield "the API catalog does not say that it is one"
    origins = {one["Id"]: one for one in config["Origins"]}
    if origins["cards"].get("OriginAccessControlId") != {"Fn::GetAtt": "CardsAccess.Id"}:
        yield "the bucket does not know CloudFront"
    if origins["cards"].get("OriginPath") != "/cards":
        yield "cards are looked for where they are not"
    (granted,) = [
        one["Fn::If"]
        for one in app.template.properties("BucketPolicy")["PolicyDocument"]["Statement"]
        if "Fn::If" in one
    ]
    condition = json.dumps(granted[1].get("Condition"))
    if (
        granted[1]["Resource"] != [{"Fn::GetAtt": "Bucket.Arn"}, {"Fn::Sub": "${Bucket.Arn}/cards/*"}]
        or "distribution/${Distribution}" not in condition
    ):
        yield "other distributions, or other objects than cards, are let through"
    if "s3:ListBucket" not in granted[1]["Action"]:
        yield "S3 denies what is not there"
    for name, resource in app.template.document["Resources"].items():
        if (
            resource["Type"].startswith("AWS::CloudFront::")
            and resource.get("Condition") != "HasDistribution"
        ):
            yield f"{name} is made where nobody asked for it"


@rule
def outputs_say_where(app: App) -> Iterator[str]:
    outputs = json.dumps(app.template.document["Outputs"])
    for folder in set(FOLDERS) - ALONE:
        if f"/{folder}/mcp" not in outputs:
            yield f"nobody is told where {folder} is"
    queues = ("TaskQueue", "DeliveriesQueue", *missed_queues(app).values())
    for name in ("Table", *queues, "EventBus", "Bucket", "StateSecret"):
        if f'{{"Ref": "{name}"}}' not in outputs:
            yield f"nobody is told of {name}"


@rule
def parameters_are_used(app: App) -> Iterator[str]:
    rest = json.dumps({**app.template.document, "Parameters": None}, default=str)
    # A load balancer is in somebody's network, under a name of theirs.
    is_balanced = bool(app.of("AWS::ElasticLoadBalancingV2::LoadBalancer"))
    given = {"Certificate", "PublicUrl", "Subnets", "Vpc"} if is_balanced else set()
    for name, parameter in app.template.document["Parameters"].items():
        if f'{{"Ref": "{name}"}}' not in rest:
            yield f"{name} changes nothing"
        if "Default" not in parameter and name not in given:
            yield f"{name} has to be given before anything can be deployed"


@rule
def parameters_are_documented(app: App) -> Iterator[str]:
    text = (ROOT / "docs" / "deploy.md").read_text()
    for name in app.template.document["Parameters"]:
        if f"`{name}`" not in text:
            yield f"docs/deploy.md does not say what {name} is"


# The template as it is


@pytest.fixture(scope="module")
def app() -> App:
    return App(read_template(TEMPLATE))


@pytest.mark.parametrize("name", RULES)
def test_rule(app: App, name: str) -> None:
    assert list(RULES[name](app)) == []


@pytest.mark.parametrize("template", [TEMPLATE, ROOT / "functions" / "hello" / "template.yaml", *VARIANTS])
def test_cfn_lint_finds_nothing(template: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--non-zero-exit-code", "warning", template],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


SAM = ROOT / ".venv-sam" / "bin" / "sam"


@pytest.mark.skipif(not SAM.exists(), reason="aws-sam-cli is not installed: make e2e does")
@pytest.mark.parametrize(
    "folder", [ROOT, ROOT / "functions" / "hello", *(variant.parent for variant in VARIANTS)]
)
def test_sam_finds_nothing(folder: Path, tmp_path: Path) -> None:
    """As its users call it: with the settings of samconfig.toml."""
    variables = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "local",
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "SAM_CLI_TELEMETRY": "0",
    }
    done = subprocess.run(
        [SAM, "validate"], cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


VERSIONS = """
import json, sys
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

class NoPolicies:
    def load(self):
        return {}

template, changed = yaml_parse(open(sys.argv[1]).read()), sys.argv[2:]
for name, resource in template["Resources"].items():
    for key in {"CodeUri", "ContentUri"} & set(resource.get("Properties", {})):
        resource["Properties"][key] = f"s3://bucket/{'another' if name in changed else 'same'}-{name}"
values = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
made = transform(template, values, NoPolicies())["Resources"]
print(json.dumps(sorted(name for name, one in made.items() if one["Type"] == "AWS::Lambda::Version")))
"""
"""Gives the versions that SAM makes, where the artifacts of some functions and layers are others."""


@pytest.mark.skipif(not SAM.exists(), reason="aws-sam-cli is not installed: make e2e does")
@pytest.mark.parametrize(
    ("changed", "new"),
    [
        ("OrdersFunction", {"Orders"}),
        ("DeliveryFunction", {"Delivery"}),
        ("CardsLayer", {"Cards"}),
        ("ExtrasLayer", {"Delivery", "ReportsWorker", "Backoffice"}),
        ("RuntimeLayer", {"Orders", "Delivery", "Reports", "ReportsWorker", "Backoffice", "Cards"}),
    ],
)
def test_what_changes_is_what_is_called(changed: str, new: set[str]) -> None:
    """The alias goes to a new version only if SAM gives that another name."""

    def versions(*names: str) -> set[str]:
        command = [SAM.with_name("python"), "-c", VERSIONS, TEMPLATE, *names]
        environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-west-1"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return set(json.loads(done.stdout.splitlines()[-1]))

    made = versions(changed) - versions()
    assert {re.sub(r"(Function)?Version\w+$", "", name) for name in made} == new


ENVIRONMENTS = tomllib.loads((ROOT / "samconfig.toml").read_text())


@pytest.mark.parametrize("name", ["default", "dev", "prod"])
def test_deploy_settings(app: App, name: str) -> None:
    settings = ENVIRONMENTS[name]
    # Layers are built from outside of their folder: a cache would keep old ones.
    assert settings["build"]["parameters"] == {"build_in_source": True, "cached": False, "parallel": True}
    assert settings["validate"]["parameters"] == {"lint": True}
    deploy = settings["deploy"]["parameters"]
    assert deploy["capabilities"] == "CAPABILITY_IAM"
    assert deploy["confirm_changeset"] is (name == "prod")
    parameters = app.template.document["Parameters"]
    overrides = dict(given.split("=", 1) for given in deploy.get("parameter_overrides", ()))
    for parameter, value in overrides.items():
        assert value in map(str, parameters[parameter].get("AllowedValues", [value]))
    # Everybody may call what is deployed by [dev]; whoever deploys another environment says who may.
    assert ("AllowAnonymous" in overrides) is (name == "dev")
    # Nor does production show a page on which to try the tools.
    assert overrides.get("Page", parameters["Page"]["Default"]) == ("off" if name == "prod" else "on")
    assert allows(app.template.document, **overrides) is (name == "dev")


def test_the_smallest_function_lets_nobody_in_unasked() -> None:
    folder = ROOT / "functions" / "hello"
    document = read_template(folder / "template.yaml").document
    settings = tomllib.loads((folder / "samconfig.toml").read_text())
    assert not allows(document)
    (given,) = settings["default"]["deploy"]["parameters"]["parameter_overrides"]
    assert given == "AllowAnonymous=true"
    assert allows(document, AllowAnonymous="true")


OF_EVERY_TEMPLATE = [
    every_log_ends,
    logs_say_what_fails_and_cost_little,
    roles_allow_no_more_than_they_must,
    functions_may_use_what_they_are_told_of,
    variables_are_known,
    no_client_names_addresses_of_a_function,
    nothing_secret_is_baked_in,
    parameters_are_used,
]


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("check", OF_EVERY_TEMPLATE, ids=lambda check: check.__name__)
def test_rules_hold_for_variants(path: Path, check: Rule) -> None:
    assert list(check(App(read_template(path)))) == []


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: path.parent.name)
def test_variants_let_nobody_in_unasked_and_bound_who_is_let_in(path: Path) -> None:
    app = App(read_template(path))
    assert not allows(app.template.document)
    assert allows(app.template.document, AllowAnonymous="true")
    for name, function in app.functions.items():
        assert function["ReservedConcurrentExecutions"] == {"Ref": "Concurrency"}, name
        if "LAMBENT_MCP_PATH" in variables(function):
            assert variables(function)["LAMBENT_AUTH_ISSUER"] == {"Ref": "AuthIssuer"}
            assert variables(function)["LAMBENT_AUTH_ANONYMOUS"] == {"Ref": "AllowAnonymous"}


def test_environments_have_stacks_of_their_own() -> None:
    names = [
        settings["global"]["parameters"]["stack_name"]
        for settings in ENVIRONMENTS.values()
        if isinstance(settings, dict)
    ]
    assert len(names) == len(set(names)) == 3


# Mistakes

GONE = object()
PANELS = read_template(TEMPLATE).properties("Dashboard")["DashboardBody"]["Fn::Sub"]

MISTAKES: dict[str, list[tuple[str, Any]]] = {
    "functions_run_what_layers_are_built_for": [
        ("Globals.Function.Runtime", "python3.12"),
        ("Globals.Function.Architectures", ["arm64"]),
        ("Globals.Function.Layers", []),
        ("CardsFunction.Layers", GONE),
        ("Resources.RuntimeLayer.Metadata.BuildMethod", "python3.13"),
    ],
    "every_folder_of_functions_is_deployed_with_its_route": [
        ("OrdersFunction.Events.Mcp", GONE),
        ("OrdersFunction.Events.Card", GONE),
        ("BackofficeFunction.Events", {}),
        ("CardsFunction.Events", {}),
        ("CardsFunction.Events.Get.Properties.Method", "ANY"),
        ("ReportsFunction.Events.Card.Properties.Method", "GET"),
        ("ReportsFunction.$LAMBENT_MCP_PATH", "/report/mcp"),
    ],
    "clients_find_the_metadata_of_a_server_without_a_challenge": [
        ("OrdersFunction.Events.Metadata", GONE),
        ("ReportsFunction.Events.MetadataHead", GONE),
        ("BackofficeFunction.Events.Metadata", GONE),
        ("OrdersFunction.Events.Metadata.Properties.Method", "ANY"),
        ("OrdersFunction.Events.Metadata.Properties.Path", PROTECTED_RESOURCE),
        ("OrdersFunction.$LAMBENT_MCP_PATH", "/order/mcp"),
    ],
    "the_api_is_throttled_and_logged": [
        ("Api.DefaultRouteSettings", GONE),
        ("Api.AccessLogSettings", GONE),
        ("Api.AccessLogSettings.Fn::If.0", "HasFullAccessLog"),
        ("Api.AccessLogSettings.Fn::If.1.DestinationArn", {"Fn::GetAtt": "OrdersLogs.Arn"}),
        ("Api.AccessLogSettings.Fn::If.1.Format.Fn::If.1", "$context.path" * 30),
        ("Api.AccessLogSettings.Fn::If.1.Format.Fn::If.2", '{"path":"$context.path"}'),
        ("Api.AccessLogSettings.Fn::If.1.Format.Fn::If.0", "HasAccessLog"),
    ],
    "pages_may_send_what_clients_send": [
        ("Api.CorsConfiguration", GONE),
        ("Api.CorsConfiguration.AllowHeaders", ["*"]),
        ("Api.CorsConfiguration.ExposeHeaders", ["etag", "mcp-session-id", "www-authenticate"]),
        ("Api.CorsConfiguration.AllowCredentials", True),
        ("Globals.Function.$LAMBENT_ALLOWED_ORIGINS", "*"),
        ("Globals.Function.$LAMBENT_PAGE", GONE),
    ],
    "logs_say_what_fails_and_cost_little": [
        ("Globals.Function.LoggingConfig", GONE),
        ("Globals.Function.LoggingConfig.ApplicationLogLevel", "WARN"),
        ("OrdersFunction.LoggingConfig.SystemLogLevel", "INFO"),
        ("Parameters.SystemLogLevel.Default", "INFO"),
    ],
    "every_log_ends": [
        ("Resources.WorkerLogs", {"Type": "AWS::Logs::LogGroup", "Properties": {}}),
        ("OrdersFunction.LoggingConfig", GONE),
        ("OrdersFunction.LoggingConfig.LogGroup", {"Ref": "CardsLogs"}),
        ("ApiLogs.RetentionInDays", GONE),
    ],
    "roles_allow_no_more_than_they_must": [
        ("OrdersRole.#.1.Sid", GONE),
        ("OrdersRole.#.1.Resource", "*"),
        ("OrdersRole.#.1.Action", "secretsmanager:*"),
        ("OrdersRole.#.0.Resource", {"Fn::GetAtt": "CardsLogs.Arn"}),
        ("OrdersFunction.Role", {"Fn::GetAtt": "CardsRole.Arn"}),
        ("OrdersRole.#.2.Condition", GONE),
        ("DeliveryRole.#.1.Condition.ForAllValues:StringLike.dynamodb:LeadingKeys", ["*"]),
        ("OrdersRole.ManagedPolicyArns", ["arn:…"]),
    ],
    "functions_may_use_what_they_are_told_of": [
        ("OrdersRole.#.1", GONE),
        ("ReportsWorkerRole.#.1", GONE),
        ("BackofficeFunction.$LAMBENT_TABLE", {"Ref": "Table"}),
        ("OrdersFunction.$LAMBENT_STATE_SECRET", GONE),
        ("ReportsFunction.$LAMBENT_TASK_QUEUE_URL", {"Ref": "DeadTaskQueue"}),
        ("OrdersFunction.$LAMBENT_EVENTS_QUEUE_URL", {"Ref": "TaskQueue"}),
        ("OrdersRole.#.4", GONE),
        ("DeliveryRole.#.4", GONE),
        ("OrdersRole.#.1.Action", ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]),
    ],
    "variables_are_known": [
        ("OrdersFunction.$LAMBENT_STATE_SECRETS", "x"),
    ],
    "no_client_names_addresses_of_a_function": [
        ("DeliveryFunction.$LAMBENT_EVENTS_LOCAL_CALLBACKS", "true"),
        ("Globals.Function.$LAMBENT_EVENTS_ALLOWED_CALLBACKS", "https://hooks.example.com/"),
    ],
    "nothing_secret_is_baked_in": [
        ("Globals.Function.$KEY", "{{resolve:secretsmanager:x}}"),
        ("Globals.Function.$LAMBENT_STATE_KEYS", "x"),
    ],
    "the_secret_is_rotated": [
        ("Resources.StateSecretRotation", GONE),
        ("Resources.RotationPermission", GONE),
        ("RotationPermission.SourceAccount", GONE),
        ("StateSecret.GenerateSecretString.PasswordLength", 31),
    ],
    "the_table_forgets_and_keeps_to_itself": [
        ("Table.TimeToLiveSpecification.AttributeName", "ttl"),
        ("Table.BillingMode", "PROVISIONED"),
        ("Table.SSESpecification", GONE),
        ("Table.PointInTimeRecoverySpecification", GONE),
    ],
    "queues_outwait_their_workers": [
        ("ReportsWorker.Timeout", 301),
        ("ReportsWorker.RecursiveLoop", GONE),
        ("TaskQueue.RedrivePolicy", GONE),
        ("ReportsWorker.Events.DeadTasks", GONE),
        ("ReportsWorker.Events.Tasks.Properties.FunctionResponseTypes", GONE),
        ("ReportsWorker.Events.Tasks.Properties.ScalingConfig", GONE),
        ("DeadTaskQueue.MessageRetentionPeriod", 345600),
        ("ReportsWorkerRole.#.2", GONE),
        ("DeliveryFunction.Timeout", 31),
        ("DeliveryFunction.RecursiveLoop", GONE),
        ("DeliveriesQueue.RedrivePolicy", GONE),
        ("DeliveryFunction.Events.DeadDeliveries", GONE),
        ("DeliveryRole.#.3", GONE),
        ("OrdersFunction.DeadLetterQueue", GONE),
    ],
    "what_happens_reaches_who_waits_for_it": [
        ("Table.GlobalSecondaryIndexes", GONE),
        ("Table.GlobalSecondaryIndexes.0.Projection.ProjectionType", "ALL"),
        ("OrdersFunction.$LAMBENT_EVENTS_QUEUE_URL", GONE),
        ("DeliveryFunction.Events.Deliveries", GONE),
        ("DeliveryFunction.Events.Sweep", GONE),
        ("DeliveryFunction.Events.Sweep.Properties.Input", "{}"),
        ("OrdersFunction.Events.Refunds.Properties.EventBusName", GONE),
        ("OrdersFunction.Events.Refunds.Properties.Pattern", {"source": ["shop.payments"]}),
        ("OrdersFunction.DeadLetterQueue", GONE),
        ("OrdersRole.#.3", GONE),
        ("OrdersRole.#.2.Condition.ForAllValues:StringLike.dynamodb:LeadingKeys", ["ANSWER#*"]),
        ("DeliveryRole.#.1.Action", ["dynamodb:GetItem", "dynamodb:UpdateItem"]),
        ("OrdersRole.#.5", GONE),
        ("DeliveryRole.#.1", GONE),
        ("DeliveryRole.#.2", GONE),
        ("DeliveryRole.#.2.Condition", GONE),
        ("DeliveryRole.#.2.Resource", {"Fn::GetAtt": "Table.Arn"}),
    ],
    "the_bucket_is_private_and_forgets_tasks_only": [
        ("Bucket.PublicAccessBlockConfiguration.BlockPublicPolicy", False),
        ("Bucket.LifecycleConfiguration.Rules.0.Prefix", GONE),
        ("Bucket.LifecycleConfiguration.Rules.0.Prefix", "cards/"),
        ("Bucket.LifecycleConfiguration.Rules.1.ExpirationInDays", 7),
        ("BucketPolicy.PolicyDocument.Statement.0", GONE),
    ],
    "cards_are_published_and_taken_away": [
        ("ServerCards.Content", GONE),
        ("ServerCards.EmptyOnDelete", GONE),
        ("Resources.ReportsWorker.DependsOn", GONE),
        ("CardsRole.#.1.Resource", {"Fn::Sub": "${Bucket.Arn}/*"}),
        ("CardsRole.#.2", GONE),
        ("CardsRole.#.3", GONE),
    ],
    "what_is_called_is_a_version": [
        ("OrdersFunction.AutoPublishAliasAllProperties", GONE),
        ("RotationFunction.SnapStart", GONE),
        ("Globals.Function.SnapStart", GONE),
    ],
    "versions_follow_layers_and_parameters": [
        ("CardsLayer.PublishLambdaVersion", GONE),
        ("OrdersFunction.VersionDescription", GONE),
        ("OrdersFunction.VersionDescription", {"Fn::Sub": "${Revision}; ${SnapStart}; ${PublicUrl}"}),
        ("OrdersFunction.$BACKOFFICE_KEY", {"Ref": "BackofficeKey"}),
        ("BackofficeFunction.VersionDescription.Fn::Sub.1.Key", {"Fn::Sub": "${BackofficeKey}"}),
        ("Parameters.Revision.MaxLength", GONE),
        ("SettingsVersion.Content.Fn::Sub", "${AllowedOrigins} ${PublicUrl}"),
    ],
    "nobody_is_let_in_unasked": [
        ("Rules", {}),
        ("Rules.ClosedByDefault.Assertions", []),
        ("Rules.ClosedByDefault.Assertions.0.AssertDescription", GONE),
        ("Parameters.AllowAnonymous.Default", "true"),
        ("Parameters.AuthIssuer.Default", "https://a.example"),
        ("Parameters.AuthIssuer.AllowedPattern", "^(https?://.+)?$"),
        ("Parameters.AuthIssuer.AllowedPattern", "^https://.+$"),
        ("Globals.Function.$LAMBENT_AUTH_ISSUER", GONE),
        ("Globals.Function.$LAMBENT_AUTH_ANONYMOUS", "true"),
        ("OrdersFunction.$LAMBENT_AUTH_CLIENT_IDS", ""),
        ("OrdersFunction.$REFUND_SCOPE", GONE),
        ("BackofficeFunction.$SHIPPING_SCOPE", ""),
    ],
    "alarms_watch_every_function": [
        ("ErrorsAlarm.Metrics.1", GONE),
        ("Resources.ThrottlesAlarm", GONE),
        ("Resources.DeadTasksAlarm", GONE),
        ("TaskAgeAlarm.Dimensions.0.Value", {"Fn::GetAtt": "DeadTaskQueue.QueueName"}),
        ("TaskAgeAlarm.AlarmActions", GONE),
        ("Resources.DeadDeliveriesAlarm", GONE),
        ("DeliveryAgeAlarm.Dimensions.0.Value", {"Fn::GetAtt": "TaskQueue.QueueName"}),
        ("Resources.MissedEventsAlarm", GONE),
        ("Resources.AbandonedEventsAlarm", GONE),
        ("AbandonedEventsAlarm.Dimensions.0.Value", "reports"),
    ],
    "metrics_are_written_where_powertools_is": [
        ("ReportsWorker.$LAMBENT_METRICS", GONE),
        ("BackofficeFunction.$LAMBENT_METRICS", "Shop"),
        ("OrdersFunction.$LAMBENT_METRICS", {"Ref": "AWS::StackName"}),
    ],
    "the_dashboard_shows_what_there_is": [
        ("Resources.Dashboard", GONE),
        ("Dashboard.DashboardBody", {"Fn::Sub": '{"widgets": []}'}),
        *(
            ("Dashboard.DashboardBody.Fn::Sub", PANELS.replace(one, other))
            for one, other in [
                ("'p99'", "'p95'"),
                ("${AWS::StackName}", "Shop"),
                ("${RotationFunction}", "${CardsFunction}"),
                ("${TaskQueue.QueueName}", "${DeadTaskQueue.QueueName}"),
                ("${DeadDeliveriesQueue.QueueName}", "${DeliveriesQueue.QueueName}"),
                ("${MissedEventsQueue.QueueName}", "${DeliveriesQueue.QueueName}"),
                ("SOURCE '${OrdersLogs}' | ", ""),
                ('"x": 18', '"x": 12'),
                ("${AWS::Region}", "eu-west-1"),
            ]
        ),
    ],
    "cloudfront_serves_cards_and_caches_nothing_else": [
        (
            "Distribution.DistributionConfig.DefaultCacheBehavior.CachePolicyId",
            "658327ea-f89d-4fab-a63d-7e88639e58f6",
        ),
        ("Distribution.DistributionConfig.CacheBehaviors.0", GONE),
        ("Distribution.DistributionConfig.CacheBehaviors.0.PathPattern", "/*/mcp*"),
        ("Distribution.DistributionConfig.CacheBehaviors.2.PathPattern", "/.well-known/*"),
        ("Distribution.DistributionConfig.CacheBehaviors.2.PathPattern", f"{PROTECTED_RESOURCE}*"),
        ("Distribution.DistributionConfig.CacheBehaviors.0.Compress", True),
        ("Distribution.DistributionConfig.Origins.1.OriginPath", GONE),
        ("BucketPolicy.PolicyDocument.Statement.1.Fn::If.1.Resource", {"Fn::Sub": "${Bucket.Arn}/*"}),
        ("BucketPolicy.PolicyDocument.Statement.1.Fn::If.1.Condition", GONE),
        ("BucketPolicy.PolicyDocument.Statement.1.Fn::If.1.Action", ["s3:GetObject"]),
        ("Resources.Distribution.Condition", GONE),
        ("CardsForEverybody.ResponseHeadersPolicyConfig.CustomHeadersConfig", GONE),
    ],
    "outputs_say_where": [
        ("Outputs.OrdersUrl", GONE),
        ("Outputs.TableName", GONE),
        ("Outputs.EventBusName", GONE),
        ("Outputs.MissedEventsQueueUrl", GONE),
    ],
    "parameters_are_documented": [
        ("Parameters.Unused", {"Type": "String", "Default": ""}),
    ],
    "parameters_are_used": [
        ("Parameters.Unused", {"Type": "String", "Default": ""}),
        ("Parameters.AlarmEmail.Default", GONE),
    ],
}
"""By the rule that has to find it, a place in the template, and what stands there instead.

Places are among a resource's properties, or begin with the name of a section. ``#`` stands for a role's
statements, ``$`` for a function's variables.
"""


@pytest.mark.parametrize(
    ("name", "where", "value"),
    [(name, where, value) for name, mistakes in MISTAKES.items() for where, value in mistakes],
)
def test_mistakes_are_found(app: App, name: str, where: str, value: Any) -> None:
    document = copy.deepcopy(app.template.document)
    written_out = where.replace("#", "Policies.0.PolicyDocument.Statement").replace(
        "$", "Environment.Variables."
    )
    first, *path, last = ["", *written_out.split(".")] if written_out in document else written_out.split(".")
    place: Any = document
    if first:
        place = document[first] if first in document else document["Resources"][first]["Properties"]
    for step in path:
        place = place[int(step) if isinstance(place, list) else step]
    key: Any = int(last) if isinstance(place, list) else last
    if value is GONE:
        del place[key]
    else:
        place[key] = value
    wrong = App(Template(app.template.path, document))
    try:
        found = list(RULES[name](wrong))
    except KeyError as missing:
        found = [str(missing)]
    assert found


def test_every_rule_finds_a_mistake() -> None:
    assert set(MISTAKES) == set(RULES)
