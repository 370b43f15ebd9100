"""Requests made up from our own OpenAPI document: nothing fails, and every answer is as the document says."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.serve.serving import Served

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("serve_schemathesis")]

OPERATIONS = ("landing", "conformance", "collections", "collection", "queryables", "items", "item", "sources")
EXAMPLES = 25
FORMATS = {
    "x-valid-time": st.sampled_from(["2024-01-01T16:30:00+09:00", "2024-01-01", "../2026-11-05T16:30:00+09:00"]),
    "x-known-time": st.sampled_from(["2026-01-01T00:00:00+09:00", "2026-11-05"]),
    "x-muni-codes": st.sampled_from(["14206", "142069", "14", "14206,14205"]),
    "x-property-names": st.sampled_from(["id", "id,issuer", "issued_at,muni_code,status"]),
    "x-cql2": st.sampled_from(["issuer = '気象庁'", "muni_code LIKE '14%'", "NOT (status = 'test')"]),
}
"""What JSON Schema has no words for: values that a request may really have."""
BOXES = st.sampled_from(["139.0,35.2,139.6,35.6", "139.0,35.2,0.0,139.6,35.6,10.0"])


@pytest.fixture(scope="module")
def schema(server: Served) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis
    for name, values in FORMATS.items():
        schemathesis.openapi.format(name, values)
    return schemathesis.openapi.from_url(f"{server.base}/api")


def test_every_operation_is_tried(schema: Any) -> None:
    """But that of the document itself, which is what the rest is made of."""
    assert {one.ok().definition.raw["operationId"] for one in schema.get_all_operations()} == set(OPERATIONS)


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_fails_and_every_answer_is_as_described(schema: Any, name: str, mode: str) -> None:
    from schemathesis import GenerationMode

    operation = schema.find_operation_by_id(name)

    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)), box=BOXES)
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def tried(case: Any, box: str) -> None:
        if mode == "positive" and case.query:
            case.query.pop("cursor", None)  # only a next link has one
            case.query.pop("filter-lang", None)  # the filters above are CQL2 text, as is the default
            if "bbox" in case.query:
                case.query["bbox"] = box
                case.query.pop("bbox-crs", None)
        case.call_and_validate()

    tried()
