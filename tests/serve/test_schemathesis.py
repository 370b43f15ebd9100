"""Requests made up from our own OpenAPI document: nothing fails, and every answer is as the document says."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.serve.serving import Served

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("serve_schemathesis")]

OPERATIONS = ("landing", "conformance", "collections", "collection", "queryables", "items", "item", "sources")
EXAMPLES = 25


@pytest.fixture(scope="module")
def schema(server: Served) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis
    return schemathesis.openapi.from_url(f"{server.base}/api")


def test_every_operation_is_tried(schema: Any) -> None:
    """But that of the document itself, which is what the rest is made of."""
    assert {one.ok().definition.raw["operationId"] for one in schema.get_all_operations()} == set(OPERATIONS)


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_fails_and_every_answer_is_as_described(schema: Any, name: str, mode: str) -> None:
    from schemathesis import GenerationMode

    operation = schema.find_operation_by_id(name)

    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def tried(case: Any) -> None:
        case.call_and_validate()

    tried()
