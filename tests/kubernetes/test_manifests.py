"""The manifests of ``deploy/kubernetes``: what Kubernetes would say of them, and what they promise."""

import copy
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
import yaml
from tests.kubernetes.dockerfile import instructions
from tests.kubernetes.schemas import FILE, KINDS
from tests.pages import blocks

from lambent import Settings
from lambent.hosts.asgi import _DELIVERY_SECONDS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
DOCUMENTS = [
    (f"{path.stem}-{number}", document)
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.stem != "kustomization"
    for number, document in enumerate(yaml.safe_load_all(path.read_text()))
]
DEFINITIONS = json.loads(FILE.read_text())["definitions"]


def complaints(document: dict[str, Any]) -> list[str]:
    """What the schema of its kind says of a document."""
    version, name = KINDS[document["kind"]]
    assert document["apiVersion"] == version
    schema = {"$ref": f"#/definitions/{name}", "definitions": DEFINITIONS}
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]


def the(kind: str, name: str = "reports") -> Any:
    (found,) = [one for _, one in DOCUMENTS if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def pod_of(name: str) -> Any:
    return the("Deployment", name)["spec"]["template"]["spec"]


@pytest.mark.parametrize(("name", "document"), DOCUMENTS, ids=[name for name, _ in DOCUMENTS])
def test_kubernetes_takes_them(name: str, document: dict[str, Any]) -> None:
    assert complaints(document) == []


def test_all_kinds_are_there() -> None:
    assert {document["kind"] for _, document in DOCUMENTS} == set(KINDS)


def test_a_mistake_is_noticed() -> None:
    wrong = copy.deepcopy(the("Deployment"))
    container = wrong["spec"]["template"]["spec"]["containers"][0]
    container["readinessProbe"]["httpGet"]["pth"] = container["readinessProbe"]["httpGet"].pop("path")
    container["ports"][0]["containerPort"] = "8080"
    assert len(complaints(wrong)) == 2


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
def test_kustomize_puts_them_together() -> None:
    done = subprocess.run(["kubectl", "kustomize", str(FOLDER)], capture_output=True, text=True, check=True)
    documents = list(yaml.safe_load_all(done.stdout))
    assert len(documents) == len(DOCUMENTS)
    assert [said for document in documents for said in complaints(document)] == []
    for document in documents:
        assert document["metadata"]["namespace"] == "mcp"
        assert document["metadata"]["labels"]["app.kubernetes.io/name"] == "reports"
        if document["kind"] == "NetworkPolicy":
            # Labels that belong to pods of this server would let nobody else be reached, as names are.
            assert document["spec"] == the("NetworkPolicy", document["metadata"]["name"])["spec"]
        if document["kind"] == "Deployment":
            labels = document["spec"]["template"]["metadata"]["labels"]
            assert document["spec"]["selector"]["matchLabels"].items() <= labels.items()
            assert document["spec"]["template"]["spec"]["containers"][0]["image"] == (
                "registry.example.com/reports:1"
            )


@pytest.mark.parametrize("name", ["reports", "reports-worker"])
def test_containers_may_do_little(name: str) -> None:
    pod = pod_of(name)
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [one["mountPath"] for one in container["volumeMounts"]] == ["/tmp"]
    user = next(value for name, value in instructions() if name == "USER")
    assert user == f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"


def test_there_are_three_and_none_is_taken_before_another_is_ready() -> None:
    spec = the("Deployment")["spec"]
    assert the("HorizontalPodAutoscaler")["spec"]["minReplicas"] == 3
    assert "replicas" not in spec  # each apply would undo what the autoscaler has decided
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    budget = the("PodDisruptionBudget")["spec"]
    # A pod that never gets ready does not keep its node from being emptied.
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    assert "sessionAffinity" not in the("Service")["spec"]


def test_pods_are_on_different_nodes_where_there_are_some() -> None:
    for name in NAMES:
        (spread,) = pod_of(name)["topologySpreadConstraints"]
        labels = the("Deployment", name)["spec"]["template"]["metadata"]["labels"]
        assert spread["labelSelector"]["matchLabels"] == labels
        assert spread["topologyKey"] == "kubernetes.io/hostname"


def test_selectors_are_those_of_the_files() -> None:
    """Kustomize would put labels into the selectors of other pods too, such as those of names or a Redis."""
    assert "includeSelectors: true" not in (FOLDER / "kustomization.yaml").read_text()


def test_selectors_find_their_pods() -> None:
    labels = {name: the("Deployment", name)["spec"]["template"]["metadata"]["labels"] for name in NAMES}
    server, worker = labels["reports"], labels["reports-worker"]
    assert server != worker
    for name in NAMES:
        assert the("Deployment", name)["spec"]["selector"]["matchLabels"] == labels[name]
    assert the("Service")["spec"]["selector"] == server
    assert the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == server
    for name, found in (("reports-server", server), ("reports-worker", worker)):
        assert the("NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"] == found
    assert the("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "reports"


NAMES = ["reports", "reports-worker"]


def test_probes_ask_what_the_host_answers() -> None:
    settings, container = Settings(), pod_of("reports")["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == settings.ready_path
    assert container["livenessProbe"]["httpGet"]["path"] == settings.health_path
    command = next(json.loads(value) for name, value in instructions() if name == "CMD")
    assert container["ports"][0]["containerPort"] == int(command[command.index("--port") + 1])


def settings_of(name: str) -> Settings:
    """The settings of a Deployment: its own go in front of the shared ones."""
    own = {one["name"]: one["value"] for one in pod_of(name)["containers"][0].get("env", [])}
    return Settings.from_env({**the("ConfigMap")["data"], **own})


def test_settings_can_be_read_and_times_are_in_order() -> None:
    settings, worker = settings_of("reports"), settings_of("reports-worker")
    probe = pod_of("reports")["containers"][0]["readinessProbe"]
    # The pod is known not to be ready well before it takes no more connections.
    assert probe["periodSeconds"] * probe["failureThreshold"] < settings.shutdown_delay / 2
    # One answer that comes late takes no busy pod away.
    assert probe["failureThreshold"] > 1
    command = next(json.loads(value) for name, value in instructions() if name == "CMD")
    calls = int(command[command.index("--timeout-graceful-shutdown") + 1])
    # Calls that hold a claim go on when the server has cut them, and so do deliveries.
    ending = settings.shutdown_delay + calls + settings.drain_seconds + _DELIVERY_SECONDS
    assert ending + 5 < pod_of("reports")["terminationGracePeriodSeconds"]
    assert worker.drain_seconds + 15 < pod_of("reports-worker")["terminationGracePeriodSeconds"]
    assert pod_of("reports-worker")["containers"][0]["command"] == ["lambent", "worker", "app.py"]


def test_boto3_finds_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in the("ConfigMap")["data"].items():
        monkeypatch.setenv(name, value)
    assert boto3.session.Session().region_name == "eu-west-1"


def test_what_the_page_says_of_a_redis_fits_the_manifests() -> None:
    """Its settings take the place of those that are there, and its rule belongs into both policies."""
    page = blocks(ROOT / "docs" / "kubernetes.md")
    settings, rule = (yaml.safe_load(block.code) for block in page if block.language == "yaml")
    config = copy.deepcopy(the("ConfigMap"))
    config["data"] = settings["data"]
    assert complaints(config) == []
    secret = {"LAMBENT_STORE": "redis://:s3cret@redis.mcp.svc.cluster.local:6379/0"}
    read = Settings.from_env({**config["data"], **secret})
    assert (read.redis, read.table, read.separate_workers) == (secret["LAMBENT_STORE"], None, True)
    before = Settings.from_env(the("ConfigMap")["data"])
    assert (read.shutdown_delay, read.drain_seconds) == (before.shutdown_delay, before.drain_seconds)
    for name in ("reports-server", "reports-worker"):
        policy = copy.deepcopy(the("NetworkPolicy", name))
        policy["spec"]["egress"] += rule
        assert complaints(policy) == []
