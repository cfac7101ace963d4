#!/usr/bin/env python3
"""Holds the rules of the house that no compiler checks.

- Includes follow the layers of ARCHITECTURE.md: the runtime knows neither compiler nor cli; the
  compiler knows of the runtime only its base, the table format and the records of policies.
- Every rule has its page, and every page its rule.
- No notes to self are left in the code, no file is too long to be read, and no line of help too wide.

usage: tidy.py SOURCE-FOLDER
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include "([^"]+)"', re.M)
NOTE = re.compile(r"\b(TODO|FIXME|XXX)\b")
MAX_HELP_COLUMNS = 79
MAX_LINES = 750

# Folder of the includer: what it may include, as prefixes or exact files. The longest folder that
# fits holds. Tests, fuzz targets and benchmarks may reach further: they put parts together.
COMPILER_MAY = [
    r"compiler/", r"runtime/(base|table|json|schema)/",
    r"runtime/router/(format|verify|capture|router|other_reading)\.h$",
    r"runtime/policies/[a-z0-9_]+/record\.h$", r"runtime/policies/(field_number|field_spec|policy_list)\.h$",
]
LAYERS = {
    "cli/": [r"cli/", r"compiler/", r"runtime/"],
    "compiler/": COMPILER_MAY,
    "runtime/": [r"runtime/"],
    "runtime/base/": [r"runtime/base/"],
    "runtime/json/": [r"runtime/(base|json)/"],
    "runtime/schema/": [r"runtime/(base|json|schema)/"],
    "runtime/table/": [r"runtime/(base|table|router)/", r"runtime/schema/(verify|program)\.h$", r"runtime/policies/[a-z0-9_]+/record\.h$",
                       r"runtime/policies/(field_number|field_spec|policy_list|policy)\.h$"],
    "runtime/router/": [r"runtime/(base|router)/", r"runtime/table/(phf|format|dfa)\.h$"],
    "runtime/net/": [r"runtime/(base|net|http)/"],
    "runtime/trust/": [r"runtime/(base|table|trust)/"],
    "runtime/encoding/": [r"runtime/(base|http|encoding)/"],
    "runtime/limits/": [r"runtime/(base|limits)/"],
    "runtime/cache/": [r"runtime/(base|http|net|cache)/", r"runtime/encoding/coding\.h$"],
    "runtime/http/": [r"runtime/(base|table|router|net|http)/", r"runtime/json/text\.h$",
                      r"runtime/identity/identity\.h$"],
    "runtime/jose/": [r"runtime/(base|json|net|http|jose)/", r"runtime/table/table_file\.h$"],
    "runtime/identity/": [r"runtime/(base|table|router|http|policies|engine|jose|identity)/"],
    "runtime/policies/": [r"runtime/(base|table|router|json|schema|http|encoding|limits|cache|policies|engine|identity)/"],
    "runtime/engine/": [r"runtime/(base|table|router|json|schema|http|encoding|limits|cache|policies|engine|identity|jose|observe)/"],
    "runtime/upstream/": [r"runtime/(base|table|router|net|http|policies|upstream|observe)/",
                          r"runtime/cache/retry_after\.h$"],
    "runtime/observe/": [r"runtime/(base|table|router|http|limits|cache|policies|observe|net)/"],
}


def sources(root):
    for top in ("cli", "compiler", "runtime", "bench"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".cc", ".h", ".def") and "testdata" not in path.parts:
                yield path, path.relative_to(root).as_posix()


def is_test(name):
    name = name.removeprefix("cli/testing/")  # of the product: `gwctl test`
    return bool(re.search(r"(_test\.cc$|/testing/|/fuzz/|_fuzz\.cc$|/bench/|_bench\.cc$|_testing\.h$)",
                          "/" + name))


def allowed(name, included):
    if re.match(r"runtime/.*/testing/", included):  # the product is not made of what only tests need
        return False
    folder = max((f for f in LAYERS if name.startswith(f)), key=len, default=None)
    if folder is None:
        return True
    return any(re.match(rule, included) for rule in LAYERS[folder])


def check_sources(root):
    for path, name in sources(root):
        text = path.read_text(encoding="utf-8")
        if NOTE.search(text):
            yield f"{name}: a note to self is left in it"
        lines = text.count("\n")
        if lines > MAX_LINES:
            yield f"{name}: {lines} lines; cut it in two"
        if is_test(name):
            continue
        for included in INCLUDE.findall(text):
            if not allowed(name, included):
                yield f"{name}: may not include {included}"


def check_rules(root):
    rules = set(re.findall(r'^GW_RULE\("([^"]+)"', (root / "compiler/diag/rules.def").read_text(),
                           re.M))
    pages = {p.stem for p in (root / "compiler/diag/explain").glob("*.md")}
    goldens = {p.stem for p in (root / "golden-tests/rules").glob("*.golden")}
    for rule in sorted(rules - pages):
        yield f"rule {rule} has no page in compiler/diag/explain"
    for rule in sorted(pages - rules):
        yield f"page {rule}.md explains no rule"
    for rule in sorted(rules - goldens):
        yield f"rule {rule} has no case in golden-tests/rules"


def check_help(root):
    golden = (root / "golden-tests/cli/help.golden").read_text(encoding="utf-8")
    for line in golden.splitlines():
        if len(line) > MAX_HELP_COLUMNS:
            yield f"help is wider than {MAX_HELP_COLUMNS} columns: {line}"


def check_goldens(root):
    for path in sorted((root / "golden-tests").rglob("*.golden")):
        if "gwctl: bug:" in path.read_text(encoding="utf-8"):
            yield f"{path.relative_to(root)}: a bug of ours is no expected output"


def main():
    root = pathlib.Path(sys.argv[1])
    problems = list(check_sources(root)) + list(check_rules(root))
    problems += list(check_help(root)) + list(check_goldens(root))
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
