"""The official SDK with pydantic models."""

from peers.models import MODELS
from peers.sdk import make


def build():
    return make(MODELS)
