"""FastMCP with pydantic models."""

from peers.fastmcp import make
from peers.models import MODELS


def build():
    return make(MODELS)
