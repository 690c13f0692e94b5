#!/usr/bin/env python3
"""Writes tests/vectors/jinja.json: small templates and what Python's jinja2 makes of them.

    python make.py > ../jinja.json        needs jinja2 3.1 (3.1.6 wrote the file that is kept)

jinja2 is set up as transformers does it: an ImmutableSandboxedEnvironment with trim_blocks, lstrip_blocks, loop
controls, the `generation` tag, and a `tojson` that is json.dumps. A row is {name, template, context?, output | error};
`refused: true` where Minke refuses what jinja2 renders, and `means` then says which words its error must have.
"""
import json
import sys

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from templates import GROUPS


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


CONTEXT = {
    "s": "Hello, World", "e": "", "u": "Grüße, 世界 🌍", "q": "it's \"q\"", "ml": "a\n b\n\nc\n", "sp": "  a b  ",
    "n": 7, "z": 0, "m": -7, "f": 2.5, "big": 9007199254740993, "tiny": 1e-7, "huge": 1e16, "one": 1.0, "t": True,
    "no": False, "nil": None,
    "l": [3, 1, 2], "el": [], "w": ["b", "A", "c", "a"], "mixed": [1, "a", None, True, 2.5, [1], {"k": "v"}],
    "d": {"b": 1, "a": 2, "C": 3}, "ed": {}, "items": "shadow", "k": {"items": {"type": "x"}, "get": 1, "x": [1, 2]},
    "rows": [{"n": "x", "v": 1, "g": "A"}, {"n": "y", "v": 3, "g": "b"}, {"n": "z", "v": 2, "g": "a"}],
    "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}, {"v": 5, "c": []}],
    "html": "<a href=\"x\">'&'</a>", "ctl": "a\tb\x01\x7f\u00a0\u200b\ue000é\n", "nest": {"a": {"b": [{"c": "deep"}]}},
}


def used(template):
    """The variables of the context that a template may name."""
    return {name: value for name, value in CONTEXT.items() if name in template}


def main():
    rows = []
    for group, templates in GROUPS.items():
        for i, template in enumerate(templates):
            means = None
            if isinstance(template, tuple):
                template, means = template
            row = {"name": f"{group}-{i}", "template": template}
            context = used(template)
            if context:
                row["context"] = context
            try:
                row["output"] = environment().from_string(template).render(**context)
            except Exception as error:
                row["error"] = type(error).__name__
            if means:
                row |= {"refused": True, "means": means}
            rows.append(row)
    print("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")


if __name__ == "__main__":
    sys.exit(main())
