#!/usr/bin/env python3
"""Writes an OpenAPI document with many templated routes, or one from a list of routes.

make_routes.py COUNT            COUNT operations on as many paths of five shapes
make_routes.py --list FILE      the routes of a JSON list of {method, path}, parameters as :name
make_routes.py --megabytes N    about N MB of paths and schemas with descriptions

--upstream URL chooses the one upstream. The document goes to standard output, as JSON.
Deterministic.
"""
import argparse
import json
import re

SHAPES = ["/s{s}/r{r}/{{id}}", "/s{s}/r{r}/{{id}}/items", "/s{s}/r{r}/{{id}}/items/{{item}}",
          "/s{s}/tenants/{{tenant}}/r{r}/{{id}}", "/s{s}/r{r}/{{id}}/history/{{year}}/{{month}}"]


def document(paths, upstream):
    return {"openapi": "3.1.0", "info": {"title": "Routes", "version": "1.0.0"},
            "x-gw": {"version": 1, "upstreams": {"backend": {"targets": [{"url": upstream}]}},
                     "defaults": {"upstream": "backend",
                                  "timeout": {"connect": "1s", "try": "5s", "total": "10s"}}},
            "paths": paths}


def operation(path, name):
    parameters = [{"name": p, "in": "path", "required": True, "schema": {"type": "string"}}
                  for p in re.findall(r"{(\w+)}", path)]
    out = {"operationId": name, "responses": {"200": {"description": "ok"}}}
    if parameters:
        out["parameters"] = parameters
    return out


def generated(count):
    paths = {}
    for i in range(count):
        shape = SHAPES[i % len(SHAPES)]
        group = i // len(SHAPES)
        path = shape.format(s=group // 50, r=group % 50)
        paths[path] = {"get": operation(path, f"op{i}")}
    return paths


def from_list(file):
    paths = {}
    with open(file, encoding="utf-8") as text:
        for i, route in enumerate(json.load(text)):
            path = re.sub(r":(\w+)", r"{\1}", route["path"])
            # One template per shape: lists made for other routers name parameters differently.
            path = re.sub(r"{\w+}", lambda m, n=iter(range(99)): "{p%d}" % next(n), path)
            paths.setdefault(path, {})[route["method"].lower()] = operation(path, f"op{i}")
    return paths


def padded(megabytes):
    paths = {}
    size = 0
    i = 0
    while size < megabytes * 1_000_000:
        path = f"/service{i // 100}/resource{i % 100}/{{id}}"
        out = operation(path, f"getResource{i}")
        out["summary"] = "Returns one resource by its identifier."
        out["description"] = "A longer text about the resource and what it is good for. " * 6
        properties = {f"field{n}": {"type": "string", "description": "what the field holds",
                                    "maxLength": 64, "nullable": n % 3 == 0}
                      for n in range(12)}
        for field in properties.values():
            if not field.pop("nullable"):
                continue
            field["type"] = ["string", "null"]
        out["responses"]["200"]["content"] = {
            "application/json": {"schema": {"type": "object", "properties": properties}}}
        paths[path] = {"get": out}
        size += len(json.dumps(paths[path], indent=1)) + len(path)
        i += 1
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?")
    parser.add_argument("--list")
    parser.add_argument("--megabytes", type=int)
    parser.add_argument("--upstream", default="http://127.0.0.1:9001")
    options = parser.parse_args()
    if options.list:
        paths = from_list(options.list)
    elif options.megabytes:
        paths = padded(options.megabytes)
    else:
        paths = generated(options.count or 1000)
    print(json.dumps(document(paths, options.upstream), indent=1))


main()
