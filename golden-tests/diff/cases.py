#!/usr/bin/env python3
"""Compares what gwctl diff says with what another tool's tests expect, over the cases of the shared
folder: each of their ids is one or several of ours, or means nothing here, for a reason.

Passes when at least 95 of 100 expectations that they call an error are breaking or worse here, and all
of them in 94 of 100 cases that have any, when nothing is breaking in cases that hold nothing but notes, and when every difference has its reason below.
An expectation that a case repeats, with nothing that would tell the two apart, is one: whatever meets
the first meets the second. The figure with repetitions is printed beside.

usage: cases.py GWCTL SHARED-FOLDER [CASE]
"""
import json
import pathlib
import re
import subprocess
import sys

NAMES = re.compile(r"\{[^}]*\}")

# What follows the subject of their id: what follows the direction in ours. `=`: the whole of it.
ASPECTS = {
    "all-of-added": ["property-added", "property-required-added", "became-required",
                     "type-narrowed", "bound-added", "enum-added"],
    "all-of-removed": ["property-removed", "property-required-removed", "became-optional",
                       "type-widened"],
    "all-of-added-annotation-only": ["=documentation-changed"],
    "any-of-added": ["alternative-added", "alternatives-added"],
    "any-of-removed": ["alternative-removed", "alternatives-removed"],
    "one-of-added": ["alternative-added", "alternatives-added"],
    "one-of-removed": ["alternative-removed", "alternatives-removed"],
    "wrapped-in-one-of": ["alternatives-added"],
    "became-enum": ["enum-added"],
    "became-not-nullable": ["became-not-nullable"],
    "became-nullable": ["became-nullable"],
    "became-optional": ["became-optional"],
    "became-required": ["became-required"],
    "const-changed": ["const-changed"],
    "contains-added": ["contains-added"],
    "contains-removed": ["contains-removed"],
    "content-encoding-changed": ["content-encoding-changed"],
    "content-media-type-changed": ["content-media-type-changed"],
    "content-schema-added": ["content-schema-added"],
    "default-value-changed": ["default-changed"],
    "dependent-required-added": ["dependent-required-added"],
    "dependent-required-changed": ["dependent-required-changed", "dependent-required-added",
                                   "dependent-required-removed"],
    "dependent-required-removed": ["dependent-required-removed"],
    "dependent-schema-added": ["dependent-schema-added"],
    "dependent-schema-removed": ["dependent-schema-removed"],
    "deprecated-with-sunset": ["=property-deprecated"],
    "discriminator-added": ["discriminator-changed"],
    "discriminator-mapping-added": ["discriminator-changed"],
    "discriminator-mapping-changed": ["discriminator-changed"],
    "discriminator-mapping-deleted": ["discriminator-changed"],
    "discriminator-property-name-changed": ["discriminator-changed"],
    "discriminator-removed": ["discriminator-changed"],
    "if-added": ["condition-added"],
    "then-added": ["condition-added"],
    "else-added": ["condition-added"],
    "if-removed": ["condition-removed"],
    "then-removed": ["condition-removed"],
    "else-removed": ["condition-removed"],
    "enum-value-added": ["enum-value-added"],
    "enum-value-removed": ["enum-value-removed"],
    "list-of-types-widened": ["type-widened"],
    "max-contains-decreased": ["bound-tightened"],
    "max-contains-increased": ["bound-loosened"],
    "min-contains-decreased": ["bound-loosened", "bound-removed"],
    "min-contains-increased": ["bound-tightened", "bound-added"],
    "max-decreased": ["bound-tightened"],
    "max-increased": ["bound-loosened"],
    "max-set": ["bound-added"],
    "min-set": ["bound-added"],
    "max-items-decreased": ["bound-tightened"],
    "max-items-increased": ["bound-loosened"],
    "min-increased": ["bound-tightened"],
    "min-decreased": ["bound-loosened"],
    "min-items-increased": ["bound-tightened", "bound-added"],
    "min-items-decreased": ["bound-loosened"],
    "min-length-increased": ["bound-tightened", "bound-added"],
    "min-length-decreased": ["bound-loosened", "bound-removed"],
    "exclusive-max-decreased": ["bound-tightened"],
    "exclusive-max-increased": ["bound-loosened"],
    "exclusive-max-set": ["bound-added"],
    "exclusive-min-decreased": ["bound-loosened"],
    "exclusive-min-increased": ["bound-tightened"],
    "exclusive-min-set": ["bound-added"],
    "pattern-added": ["pattern-added"],
    "pattern-changed": ["pattern-changed", "pattern-narrowed", "pattern-widened"],
    "pattern-property-added": ["pattern-property-added"],
    "pattern-property-removed": ["pattern-property-removed"],
    # An item at a place of its own had to be what `items` says before.
    "prefix-items-added": ["prefix-item-allowed", "prefix-item-constrained", "type-changed"],
    "prefix-items-removed": ["prefix-item-refused", "prefix-item-freed", "type-changed"],
    "property-names-added": ["property-names-added"],
    "property-names-removed": ["property-names-removed"],
    "removed": ["property-removed", "property-removed-refused"],
    "type-changed": ["type-changed", "type-narrowed", "type-widened", "format-changed",
                     "format-added", "format-removed", "format-narrowed", "format-widened"],
    "type-compatible": ["type-changed"],
    "type-generalized": ["type-widened", "format-widened", "format-removed"],
    "type-specialized": ["type-narrowed", "type-changed", "format-narrowed", "format-added"],
}
SUBJECTS = ["request-parameter-property-", "request-parameter-", "request-header-property-",
            "request-body-", "request-property-", "response-body-", "response-property-",
            "response-header-", "response-mediatype-"]
IDS = {
    "api-deprecated-sunset-parse": ["operation-sunset-unreadable"],
    "api-path-removed-without-deprecation": ["operation-removed"],
    "api-path-sunset-parse": ["operation-sunset-unreadable"],
    "api-removed-before-sunset": ["operation-removed-before-sunset"],
    "api-removed-with-deprecation": ["operation-removed-deprecated"],
    "api-sunset-date-changed-too-small": ["operation-sunset-earlier"],
    "api-security-scope-added": ["scope-added"],
    "api-security-scope-removed": ["scope-removed"],
    "endpoint-added": ["operation-added", "operation-public-added"],
    "endpoint-deprecated": ["operation-deprecated"],
    "endpoint-deprecated-with-sunset": ["operation-deprecated"],
    "endpoint-reactivated": ["operation-undeprecated"],
    "new-required-request-property": ["request-property-required-added"],
    "optional-response-header-removed": ["response-header-removed"],
    "request-body-became-required": ["request-body-became-required"],
    "request-body-media-type-added": ["request-media-type-added"],
    "request-body-media-type-removed": ["request-media-type-removed"],
    "request-parameter-sunset-deleted": ["parameter-sunset-removed"],
    "sunset-deleted": ["operation-sunset-removed"],
    "request-parameter-removed": ["parameter-removed", "parameter-removed-refused"],
    "response-media-type-removed": ["response-media-type-removed"],
    "response-optional-property-removed": ["response-property-removed"],
    "response-required-property-removed": ["response-property-required-removed"],
    "response-success-status-removed": ["response-success-removed"],
}
# What means nothing here.
FOREIGN = {}
FOREIGN["api-deprecated-sunset-missing"] = (
    "how many days of notice must be given is an option of that tool; without it they too find "
    "nothing")
FOREIGN["api-invalid-stability-level"] = "x-stability-level is that tool's extension"
for _id in ("request-parameter-x-extensible-enum-value-removed",
            "request-property-x-extensible-enum-value-removed"):
    FOREIGN[_id] = "x-extensible-enum is an extension that no validator knows"
# Cases that say nothing: the documents are one and the same file, which their test edits.
VOID = {"TestResponseHeaderBecameNullable"}
READ_ONLY = ("the property is readOnly: the gateway refuses requests that send it, and they too call "
             "other limits of such a property a note")
SAME = "the added or removed schema says nothing that the others do not say: no value is concerned"
LARGER = ("the list only grew: answers promise more than before, and they too call a list that is new "
          "a note")
# Reasons that say how they judge the same elsewhere: ids of theirs that are notes in their catalogue.
PRECEDENTS = {
    READ_ONLY: ["request-read-only-property-max-length-decreased",
                "request-read-only-property-enum-value-removed"],
    LARGER: ["response-body-dependent-required-added",
             "response-property-dependent-required-added"],
}
MIN_AGREED = 0.95
# Of cases, in whole: most have one error, so the five below that differ for a reason weigh more.
MIN_AGREED_CASES = 0.94
# What they find and we do not, or not as an error: (case, their id): why.
MISSED = {
    ("TestBreaking_AddPattern", "request-property-pattern-added"): READ_ONLY,
    ("TestBreaking_ModifyPattern", "request-property-pattern-changed"): READ_ONLY,
    ("TestRequestPropertyAllOfAdded_WithSources_Inline", "request-body-all-of-added"):
        "it adds one optional property, which they too call a note where it stands in `properties`",
    ("TestResponsePropertyAllOfAdded", "response-body-all-of-added"): SAME,
    ("TestResponsePropertyAllOfAdded", "response-property-all-of-added"): SAME,
    ("TestResponsePropertyAllOfRemoved", "response-body-all-of-removed"): SAME,
    ("TestResponsePropertyAllOfRemoved", "response-property-all-of-removed"): SAME,
    ("TestResponseBodyDependentRequiredChanged", "response-body-dependent-required-changed"):
        LARGER,
    ("TestResponsePropertyDependentRequiredChanged",
     "response-property-dependent-required-changed"): LARGER,
    ("TestTransitionClaims_RealChangeAlongsideTransitionStillReported",
     "request-property-enum-value-removed"):
        "the list of values is gone, and the type takes more: every value of before is still taken",
}
SECURITY = "security is never a note here"
# What is breaking here in cases that hold notes only: (case, our id): why.
STRICTER = {
    ("TestAPISecurityScopeAdded", "scope-added"): SECURITY,
    ("TestAPISecurityScopeRemoved", "scope-removed"): SECURITY,
    ("TestBreaking_ReqBodyNewRequiredPropertyNew", "request-became-required"):
        "a validator asks for what `required` names, whether it is declared or not",
    ("TestBreaking_RequestParameterMaxItemsWithoutFlatten", "request-bound-tightened"):
        "parameters of a path item are those of its operations; told to look there they call it an "
        "error as well",
    ("TestRequestBodyTypeLooselyTypedCompatible", "request-type-changed"):
        "the body was an element with others inside, and is to be a text: who sent the one fails",
    ("TestResponsePropertyAnyOfAdded", "response-alternative-added"):
        "clients know alternatives by their names, and meet one more; with oneOf they call it an error",
}


def ours_of(theirs):
    if theirs in IDS:
        return IDS[theirs]
    for subject in SUBJECTS:
        if theirs.startswith(subject) and theirs[len(subject):] in ASPECTS:
            direction = theirs.split("-", 1)[0]
            return [a[1:] if a.startswith("=") else f"{direction}-{a}"
                    for a in ASPECTS[theirs[len(subject):]]]
    return None


def run(gwctl, base, revision):
    done = subprocess.run([gwctl, "diff", "--json", base, revision], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        return None, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line for line in lines if "id" in line], done.stderr


def fits(finding, expected):
    """Whether a finding is about the operation that is expected."""
    if "path" not in expected:
        return True
    for operation in finding["operations"]:
        same_method = operation["method"] == expected.get("operation", operation["method"])
        path, wanted = (NAMES.sub("{}", p) for p in (operation["path"], expected["path"]))
        if same_method and (path.endswith(wanted) or not path):
            return True
    return False


def without_precedent(shared):
    """Ids that a reason calls notes of theirs, and that are none."""
    levels = {check["id"]: check["level"]
              for check in json.loads((shared / "checks.json").read_text())}
    return [name for names in PRECEDENTS.values() for name in names
            if levels.get(name) != "INFO"]


def is_breaking(finding):
    return finding["class"] in ("security", "breaking")


def main():
    gwctl, shared = sys.argv[1], pathlib.Path(sys.argv[2]) / "diff-cases"
    if not shared.is_dir():
        print("skipped: no shared folder with cases")
        return 0
    problems, refused = [], []
    errors = agreed = reasoned = foreign = notes = quiet = 0
    asserted = met = 0  # errors with those that a case repeats
    error_cases = agreed_cases = 0  # cases with errors, and those where all of them are met
    foreign_cases = 0  # whose errors are all about extensions
    used_missed, used_stricter = set(), set()
    for case in json.loads((shared / "index.json").read_text())["cases"]:
        name = case["case"]
        if name in VOID or (len(sys.argv) > 3 and name != sys.argv[3]):
            continue
        findings, said = run(gwctl, shared / case["base"], shared / case["revision"])
        if findings is None:
            refused.append(f"{name}: {said.strip().splitlines()[-1]}")
            continue
        seen = set()
        errors_met = []  # of this case
        for expected in case["expected"]:
            theirs = expected["id"]
            key = (theirs, expected.get("operation"), expected.get("path"))
            repeated = key in seen
            seen.add(key)
            if theirs in FOREIGN:
                foreign += 1
                continue
            ours = ours_of(theirs)
            if ours is None:
                problems.append(f"{name}: nothing is known of {theirs}")
                continue
            found = [f for f in findings if f["id"] in ours and fits(f, expected)]
            if expected["level"] != "ERR":
                if not found and (name, theirs) not in MISSED:
                    problems.append(f"{name}: {theirs} ({expected['level']}) is not found among "
                                    f"{sorted({f['id'] for f in findings})}")
                if not found:
                    used_missed.add((name, theirs))
                continue
            met_here = any(is_breaking(f) for f in found)
            errors_met.append(met_here)
            asserted += 1
            met += met_here
            if repeated:
                continue
            errors += 1
            if met_here:
                agreed += 1
            elif (name, theirs) in MISSED:
                reasoned += 1
                used_missed.add((name, theirs))
            else:
                problems.append(f"{name}: {theirs} is {[f['class'] for f in found]} here, among "
                                f"{sorted({f['id'] for f in findings})}")
        if errors_met:
            error_cases += 1
            agreed_cases += all(errors_met)
        elif any(e["level"] == "ERR" for e in case["expected"]):
            foreign_cases += 1
        if not case["exact"] or any(e["level"] != "INFO" for e in case["expected"]):
            continue
        # What lies outside their scope says nothing about the case.
        scope = None
        if "in_scope_ids" in case:
            scope = {ours for theirs in case["in_scope_ids"] for ours in ours_of(theirs) or []}
        notes += 1
        false = [f for f in findings if is_breaking(f) and (scope is None or f["id"] in scope)]
        quiet += not false
        for finding in false:
            key = (name, finding["id"])
            if key in STRICTER:
                used_stricter.add(key)
            else:
                problems.append(f"{name}: {finding['id']} is {finding['class']}: "
                                f"{finding['message']}")
    if len(sys.argv) <= 3:
        for key in sorted(set(MISSED) - used_missed) + sorted(set(STRICTER) - used_stricter):
            problems.append(f"{key}: no longer differs")
        for name in without_precedent(shared):
            problems.append(f"{name}: is no note of theirs, as a reason says")
        if agreed < MIN_AGREED * errors:
            problems.append(f"fewer than {MIN_AGREED:.0%} of what they call an error is one here")
        if agreed_cases < MIN_AGREED_CASES * error_cases:
            problems.append(f"fewer than {MIN_AGREED_CASES:.0%} of the cases with errors agree wholly")
    print(f"errors: {agreed} of {errors} ({agreed / max(errors, 1):.1%}) are breaking or worse here, "
          f"{reasoned} differ for a reason, {errors - agreed - reasoned} for none; "
          f"{foreign} are about extensions")
    print(f"  with repetitions: {met} of {asserted} ({met / max(asserted, 1):.1%})")
    print(f"  cases with errors: {agreed_cases} of {error_cases} "
          f"({agreed_cases / max(error_cases, 1):.1%}) agree wholly; "
          f"of {foreign_cases} more all errors are about extensions")
    print(f"notes: {quiet} of {notes} cases without anything breaking; "
          f"{len(used_stricter)} differ for a reason")
    print(f"not run: {len(refused)}")
    for line in refused + problems:
        print("  " + line)
    return 1 if problems or refused else 0


if __name__ == "__main__":
    sys.exit(main())
