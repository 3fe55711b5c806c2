"""The schemas of Kubernetes for the kinds that ``deploy/kubernetes`` has, in ``schemas.json``.

They come from the package kubernetes-validate (PyPI), which has those of all versions and takes 108 MB. Only
these are kept, without descriptions. To make them anew, in an environment of its own::

    pip install kubernetes-validate
    python -m tests.kubernetes.schemas
"""

import json
from pathlib import Path
from typing import Any

VERSION = "1.34.0"
KINDS = {
    "ConfigMap": ("v1", "io.k8s.api.core.v1.ConfigMap"),
    "Deployment": ("apps/v1", "io.k8s.api.apps.v1.Deployment"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler"),
    "NetworkPolicy": ("networking.k8s.io/v1", "io.k8s.api.networking.v1.NetworkPolicy"),
    "PodDisruptionBudget": ("policy/v1", "io.k8s.api.policy.v1.PodDisruptionBudget"),
    "Service": ("v1", "io.k8s.api.core.v1.Service"),
    "ServiceAccount": ("v1", "io.k8s.api.core.v1.ServiceAccount"),
}
"""By kind its version, and the name of its definition."""

FILE = Path(__file__).with_name("schemas.json")


def make(definitions: dict[str, Any]) -> dict[str, Any]:
    """What is needed of the definitions of a version."""
    kept: dict[str, Any] = {}
    wanted = [name for _, name in KINDS.values()]
    while wanted:
        if (name := wanted.pop()) not in kept:
            kept[name] = _bare(definitions[name], wanted)
    return {"version": VERSION, "definitions": dict(sorted(kept.items()))}


def _bare(schema: Any, wanted: list[str], *, is_map: bool = False) -> Any:
    if isinstance(schema, list):
        return [_bare(one, wanted) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if not is_map and isinstance(reference := schema.get("$ref"), str):
        name = reference.rpartition("/")[2]
        wanted.append(name)
        return {"$ref": f"#/definitions/{name}"}
    return {
        key: _bare(value, wanted, is_map=key == "properties" and not is_map)
        for key, value in schema.items()
        if is_map or not (key == "description" or key.startswith("x-"))
    }


def main() -> None:
    import kubernetes_validate

    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    read = json.loads((folder / f"v{VERSION}-local-strict" / "_definitions.json").read_text())
    FILE.write_text(json.dumps(make(read["$defs"]), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
