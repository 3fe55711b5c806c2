"""FastAPI through Mangum with pydantic models."""

from peers.fastapi import make
from peers.models import MODELS
from pydantic import validate_call


def build():
    return make({tool.__name__: validate_call(tool) for tool in MODELS})
