#!/usr/bin/env python3
"""Compares with llhttp, case by case: what is taken, what is refused, how many messages, how much body.

llhttp's own cases (conformance/llhttp-cases in the shared folder) go through the gateway: those of
type `request` as a client's bytes, those of type `response` as the backend's answer (compared up to
its first message). Most requests lack the Host that HTTP/1.1 demands, so one is put in. Where we
differ, llhttp.differences names the case and says why; a case that differs without being named
there fails, and so does one that is named and does not differ.

usage: llhttp.py GWCTL SHARED-FOLDER
"""
import json
import pathlib
import re
import sys
import tempfile

import backend as backends
import run as edge

# What the gateway says of bytes that it does not take.
REFUSALS = {400, 413, 414, 417, 431, 501, 505}
REQUEST_LINE_END = re.compile(rb"( HTTP/1\.1\r\n)")
BODY = re.compile(r"len=(\d+) span\[body\]")


def bytes_of(text):
    return b"".join(bytes([ord(c)]) if ord(c) < 256 else c.encode("utf-8") for c in text)


def with_host(data):
    if b"host:" in data.lower():
        return data
    uri = re.match(rb"[A-Z]+ \w+://([^/? ]*)", data)
    host = uri.group(1) if uri else b"gw.test"
    return REQUEST_LINE_END.sub(lambda match: match.group(1) + b"Host: " + host + b"\r\n", data)


def llhttp_says(case):
    """(error, messages, body bytes)"""
    log = case["log"]
    if case["type"] == "response" and "message complete" in " ".join(log):
        log = log[:1 + next(i for i, line in enumerate(log) if "message complete" in line)]
    messages = sum("message complete" in line for line in log)
    body = sum(int(m.group(1)) for m in map(BODY.search, log) if m)
    return case["strict_error"], messages, body


def ask_request(lane, data, answers):
    """`answers`: how many to wait for before the end of the stream is sent. A client that has ended
    it may be taken for gone."""
    lane.backend.begin(backends.Answer())
    client, error, messages = edge.Client(lane.port), False, 0
    try:
        client.send(with_host(data))
        heads = data.count(b"HEAD ")
        for _ in range(answers):
            if answer := client.answer(heads > 0):
                error |= answer[0] in REFUSALS
                messages += answer[0] not in REFUSALS
        client.no_more()
        while answer := client.answer(heads > 0):
            error |= answer[0] in REFUSALS
            messages += answer[0] not in REFUSALS
        lane.probe_on_new("a clean client")
        lane.backend.settle(edge.SECONDS)
    finally:
        client.close()
    with lane.backend.lock:
        if lane.backend.violations:
            raise edge.Failure(f"the backend got {lane.backend.violations}")
        body = sum(len(r.body) for r in lane.backend.requests)
    return error, messages, body


def ask_response(lane, data, _):
    lane.backend.begin(backends.Answer(data, "close"))
    client = edge.Client(lane.port)
    try:
        client.send(b"GET /any/a HTTP/1.1\r\nHost: gw.test\r\n\r\n")
        status, body, whole = client.answer(False)
        while status < 200:
            status, body, whole = client.answer(False)
        lane.probe_on_new("a clean client")
    finally:
        client.close()
    if status in (502, 504):
        return True, 0, 0
    return False, 1 if whole else 0, len(body)


def read_differences(path):
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, reason = line.partition(" | ")
            found[name] = reason
    return found


def main():
    gwctl, shared = sys.argv[1], pathlib.Path(sys.argv[2])
    source = shared / "conformance" / "llhttp-cases" / "cases.json"
    if not source.exists():
        print("skipped: no llhttp-cases in the shared folder")
        return 0
    cases = [c for c in json.loads(source.read_text(encoding="utf-8"))
             if c["type"] in ("request", "response")]
    known = read_differences(edge.FOLDER / "llhttp.differences")
    failures, agreed, seen = [], 0, {}
    with tempfile.TemporaryDirectory(prefix="gwctl-llhttp-") as folder:
        lane = edge.Lane(gwctl, folder, 0)
        for case in cases:
            name = f"{case['file']}#{case['title']}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name += f"#{seen[name]}"
            ask = ask_request if case["type"] == "request" else ask_response
            theirs = llhttp_says(case)
            try:
                ours = ask(lane, bytes_of(case["input"]), 0 if name in known else theirs[1])
            except edge.Failure as problem:
                failures.append(f"{name}: {problem}")
                continue
            # A body that lasts until the connection ends is not complete for a parser that never
            # hears of the end.
            compared = slice(1, 3) if case["type"] == "request" else slice(2, 3)
            same = ours[0] == theirs[0] and (ours[0] or ours[compared] == theirs[compared])
            if same and name not in known:
                agreed += 1
            elif same:
                failures.append(f"{name}: agrees, but is listed as a difference")
            elif name not in known:
                failures.append(f"{name}: (error, messages, body) {ours}, llhttp {theirs}: "
                                f"{case['input'][:300]!r}")
        status = lane.stop()
        if status != 0:
            failures.append(f"the gateway ended with {status}: {''.join(lane.log)[-3000:]}")
    for failure in failures:
        print(failure)
    print(f"{len(cases)} cases, {agreed} agreed with, {len(known)} differences explained, "
          f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
