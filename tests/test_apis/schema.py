"""The schema of results, without a library for schemas."""

import json
from pathlib import Path

SCHEMA = Path(__file__).parents[2] / 'docs/schema/prediction.schema.json'


def _check(value, schema, defs):
    """Validate against the part of JSON Schema that the file uses."""
    if '$ref' in schema:
        return _check(value, defs[schema['$ref'].split('/')[-1]], defs)
    if 'anyOf' in schema:
        fits = [s for s in schema['anyOf'] if (s.get('type') == 'null') == (value is None)]
        return _check(value, fits[0], defs)
    kinds = dict(
        object=dict,
        array=list,
        string=str,
        integer=int,
        number=(int, float),
        null=type(None),
    )
    names = schema['type'] if isinstance(schema['type'], list) else [schema['type']]
    assert any(isinstance(value, kinds[name]) for name in names)
    if isinstance(value, dict):
        assert set(schema.get('required', ())) <= set(value)
        for key, item in value.items():
            part = schema.get('properties', {}).get(key, schema.get('additionalProperties'))
            assert part, f'{key} is not in the schema'
            _check(item, part, defs)
    if isinstance(value, list):
        assert schema.get('minItems', 0) <= len(value) <= schema.get('maxItems', 10**9)
        for item in value:
            _check(item, schema['items'], defs)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        assert schema.get('minimum', -1e9) <= value <= schema.get('maximum', 1e9)
    return None


def check_prediction(values: dict) -> None:
    """Compare a result as plain data with ``docs/schema/prediction.schema.json``."""
    schema = json.loads(SCHEMA.read_text())
    _check(values, schema, schema['$defs'])
