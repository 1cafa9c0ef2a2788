"""Writes the contract that the vendor's SDK follows, as JSON Schema, to the file given.

{"operations": {PATH: {"method", "body": SCHEMA, "answer": SCHEMA}}, "models": {MODEL: SCHEMA}}

A schema names a model by the keyword `model`, so that each is compiled when it is first needed:
what queries filter by refers to nearly everything. Where it says `orNull`, null may be.

What an operation takes stands in its docstring; what it answers is told by calling it on a client
that only records. A model's property is required if its setter refuses None.
"""

import inspect
import json
import re
import sys

import cloudtower.api
import cloudtower.models
from cloudtower.api_client import ApiClient
from cloudtower.configuration import Configuration

PLAIN = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "object": {},
    "datetime": {"type": "string"},
}


def schema_of(name):
    if name in PLAIN:
        return PLAIN[name]
    items = re.fullmatch(r"list\[(.*)\]", name)
    if items:
        return {"type": "array", "items": schema_of(items[1])}
    values = re.fullmatch(r"dict[(\[]str, (.*)[)\]]", name)
    if values:
        return {"type": "object", "additionalProperties": schema_of(values[1])}
    return {"model": name}


def nullable(schema):
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {**schema, "orNull": True}


def refuses_none(model, attribute):
    try:
        getattr(model, attribute).fset(PROBE, None)
    except ValueError as error:
        return "must not be `None`" in str(error)
    except TypeError:
        pass  # A list's setter that went on to look at its items.
    return False


class Probe:
    """Stands for an instance of any model when a setter is asked what it thinks of None."""

    local_vars_configuration = Configuration.get_default_copy()


PROBE = Probe()


def model_schema(model):
    if hasattr(model, "allowable_values"):
        return {"type": "string", "enum": model.allowable_values}
    properties, required = {}, []
    for attribute, kind in model.openapi_types.items():
        name = model.attribute_map[attribute]
        needed = refuses_none(model, attribute)
        schema = schema_of(kind)
        values = allowed(model, attribute)
        if values and kind == "str":
            schema = {"type": "string", "enum": values}
        properties[name] = schema if needed else nullable(schema)
        if needed:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def allowed(model, attribute):
    source = inspect.getsource(getattr(model, attribute).fset)
    listed = re.search(r"allowed_values = (\[.*?\])", source, re.S)
    values = [value for value in eval(listed[1]) if value is not None] if listed else []
    return values if all(isinstance(value, str) for value in values) else []


class Recorder(ApiClient):
    def call_api(self, path, method, *_, **named):
        self.call = (path, method, named["response_types_map"])


def operations():
    client = Recorder()
    for name, api in inspect.getmembers(cloudtower.api, inspect.isclass):
        for method, function in inspect.getmembers(api, inspect.isfunction):
            if not method.endswith("_with_http_info"):
                continue
            needed = [p for p in list(inspect.signature(function).parameters)[1:] if p != "kwargs"]
            function(api(client), *[Probe for _ in needed])
            path, verb, answers = client.call
            body = re.search(r":type %s: (.*)" % re.escape(needed[0]), function.__doc__) if needed else None
            yield path, {
                "method": verb,
                "body": schema_of(body[1].strip()) if body else {},
                "answer": schema_of(answers[200]) if answers.get(200) else {},
            }


def main(target):
    models = {
        name: model_schema(model)
        for name, model in inspect.getmembers(cloudtower.models, inspect.isclass)
        if hasattr(model, "openapi_types")
    }
    with open(target, "w") as file:
        json.dump({"operations": dict(operations()), "models": models}, file)


main(sys.argv[1])
