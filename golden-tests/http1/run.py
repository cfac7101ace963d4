#!/usr/bin/env python3
"""HTTP/1 at the edge, end to end: bytes of a client, the real gateway, a recording backend.

A file of cases (`AREA.cases`) is lines:

  case NAME | RFC SECTION    begins a case
  > TEXT                     the client sends TEXT and CRLF (`>` alone: an empty line)
  >> TEXT                    the client sends TEXT alone
  ends                       it then sends its end of stream
  < TEXT, << TEXT            the same for what the backend answers; without, it answers 200 with
                             the method, the target and the length of the body it got
  silent                     the backend never answers
  early                      it answers when it has the head, not the whole request
  then close|reset|keep      what it does after its answer (keep)
  expect STATUS... AFTER     what the client sees: the statuses in order (`a/b` is either, `200-` is
                             an answer without a body, as to HEAD; `200*5` is five; `none` is nothing
                             at all), and then AFTER:
                               open    the connection serves another request
                               told    open; sent in single bytes it may as well be closed, for the
                                       answer may come before the request has ended, but the answer
                                       says which in Connection
                               close   nothing more comes and the connection ends
                               cut     the last answer is seen to be incomplete
                               either  open or close
  backend N|any              complete requests that the backend had (unless said: one per 2xx)
  sees TEXT, lacks TEXT      what is, or is not, in the bytes that the backend had
  target, method, content    of the backend's first request, exactly (content: its body)
  body TEXT                  of the last answer, exactly
  has TEXT, misses TEXT      what is, or is not, in the bytes that the client had

`template NAME` followed by such lines, then `rows NAME` and `- CASE | RFC | VALUE | STATUS... AFTER;
check; check` lines make many cases of one form: `{}` stands for VALUE. Escapes: \\r \\n \\t \\0 \\xHH
\\\\ and \\{N*TEXT} for repetition. Lines that begin with `#` are comments.

`sweep NAME` and `- CASE | RFC | VALUE` lines make 256 cases each, with every byte for `\\?` in VALUE;
sweep.cases says what holds for them.

In every case besides: what reaches the backend is strict HTTP/1.1 (backend.py); nothing that was
hidden behind a request (its path has `smuggled` in it) reaches it as a request; and a client that
comes afterwards gets its own answer. All cases run twice: sent whole, and (short ones) in single
bytes, the request as well as the answer. Each lane has a gateway and a backend of its own, so that what the backend gets is certain to
belong to the case at hand. Nothing sleeps: everything waits for an event, with a deadline.

usage: run.py GWCTL [AREA-OR-CASE...]
"""
import pathlib
import queue
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

import backend as backends
import cases as case_files

FOLDER = pathlib.Path(__file__).resolve().parent
LANES = 4
SECONDS = 10
TRICKLE_BYTES = 700


class Failure(Exception):
    pass


class Client:
    """One connection to the gateway."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.all, self.ended, self.was_reset = b"", b"", False, False
        self.told_to_close = False  # by the last answer

    def close(self):
        self.socket.close()

    def send(self, data, trickle=False):
        """What is refused half way may be cut off: the answer tells."""
        try:
            if trickle:
                for i in range(len(data)):
                    self.socket.sendall(data[i:i + 1])
            else:
                self.socket.sendall(data)
        except OSError:
            pass

    def send_aside(self, data):
        thread = threading.Thread(target=self.send, args=(data,), daemon=True)
        thread.start()

    def no_more(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def read(self):
        """False at the end."""
        if self.ended:
            return False
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            raise Failure(f"no answer in {SECONDS} s; so far {self.all[:200]!r}")
        except OSError:
            data, self.was_reset = b"", True
        self.ended = not data
        self.buffer += data
        self.all += data
        return bool(data)

    def take(self, count):
        while len(self.buffer) < count:
            if not self.read():
                return None
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def take_line(self):
        while b"\r\n" not in self.buffer:
            if not self.read():
                return None
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def read_to_end(self):
        while self.read():
            pass
        rest, self.buffer = self.buffer, b""
        return rest

    def answer(self, bodiless):
        """(status, body, complete), or None when there is none."""
        line = self.take_line()
        if line is None:
            if self.buffer:
                raise Failure(f"junk for an answer: {self.buffer[:80]!r}")
            return None
        match = re.fullmatch(rb"HTTP/1\.1 ([1-5]\d\d) [\t\x20-\x7e\x80-\xff]*", line)
        if not match:
            raise Failure(f"status line {line!r}")
        status, fields = int(match.group(1)), []
        while line := self.take_line():
            fields += backends.read_fields([line])
        if line is None:
            return status, b"", False
        self.told_to_close = (b"connection", b"close") in fields
        length = [v for n, v in fields if n == b"content-length"]
        coding = [v for n, v in fields if n == b"transfer-encoding"]
        if len(length) + len(coding) > 1 or (coding and coding[0] != b"chunked"):
            raise Failure(f"the answer's length is said in two ways: {fields}")
        if bodiless or status < 200 or status in (204, 304):
            if status < 200 or status == 204:
                if length or coding:
                    raise Failure(f"{status} with the length of a body")
            return status, b"", True
        if coding:
            return (status, *self.chunks())
        if length:
            body = self.take(int(length[0]))
            return (status, self.buffer, False) if body is None else (status, body, True)
        body = self.read_to_end()
        return status, body, not self.was_reset

    def chunks(self):
        body = b""
        while True:
            line = self.take_line()
            if line is None:
                return body, False
            if not re.fullmatch(rb"[0-9a-f]+", line):
                raise Failure(f"chunk size {line!r}")
            size = int(line, 16)
            if size == 0:
                break
            piece = self.take(size + 2)
            if piece is None:
                return body, False
            if piece[-2:] != b"\r\n":
                raise Failure("chunk without CRLF")
            body += piece[:-2]
        while line := self.take_line():
            backends.read_fields([line])
        return body, line is not None


class Lane:
    def __init__(self, gwctl, folder, number):
        self.backend = backends.Backend()
        path = pathlib.Path(folder) / f"gateway-{number}.yaml"
        text = (FOLDER / "gateway.yaml").read_text(encoding="utf-8")
        path.write_text(text.replace("UPSTREAM", f"127.0.0.1:{self.backend.port}"), encoding="utf-8")
        self.process = subprocess.Popen(
            [gwctl, "serve", str(path), "--listen", "127.0.0.1:0", "--workers", "1",
             "--access-log", "off", "--grace", "1s"], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.port, self.probes, self.log = self.read_port(), 0, []
        threading.Thread(target=self.drain, daemon=True).start()

    def read_port(self):
        lines = []
        for line in self.process.stderr:
            lines.append(line.decode("utf-8", "replace"))
            match = re.search(rb"listening.*address=127\.0\.0\.1:(\d+)", line)
            if match:
                return int(match.group(1))
        raise SystemExit("the gateway did not start:\n" + "".join(lines))

    def drain(self):
        for line in self.process.stderr:
            self.log.append(line.decode("utf-8", "replace"))

    def stop(self):
        """The exit status of the gateway, which a sanitizer's report changes."""
        self.process.terminate()
        try:
            status = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.backend.stop()
        return status

    def probe(self, client, what):
        self.probes += 1
        target = b"%s-%d" % (backends.PROBE, self.probes)
        client.send(b"GET %s HTTP/1.1\r\nHost: probe\r\n\r\n" % target)
        answer = client.answer(False)
        if answer != (200, b"GET %s 0" % target, True):
            raise Failure(f"{what} gets {answer}")

    def probe_on_new(self, what):
        client = Client(self.port)
        try:
            self.probe(client, what)
        finally:
            client.close()

    def come_to_rest(self):
        """After a failure: what is still on its way must not count for the next case."""
        self.backend.begin(backends.Answer())
        try:
            self.probe_on_new("a clean client")
            self.backend.settle(SECONDS)
        except (Failure, AssertionError, OSError):
            pass

    def run(self, case, trickle):
        self.backend.begin(backends.Answer(case.answer, case.then, case.early,
                                           trickle and case.answer is not None))
        client = Client(self.port)
        try:
            if case.swept is None:
                body = self.converse(client, case, trickle)
            else:
                client.send(case.sent)
                client.no_more()
                client.read_to_end()
            self.probe_on_new("a clean client afterwards")
            self.backend.settle(SECONDS)
            if case.swept is None:
                self.judge(client, case, body)
            else:
                self.judge_swept(client, case)
        finally:
            client.close()

    def converse(self, client, case, trickle):
        if len(case.sent) > 16384:
            client.send_aside(case.sent)
        else:
            client.send(case.sent, trickle)
        if case.ends or not case.statuses:
            client.no_more()
        body, whole = b"", True
        for wanted in case.statuses:
            answer = client.answer(wanted.endswith("-"))
            if answer is None:
                raise Failure(f"no answer where {wanted} was due")
            if answer[0] == 100 and wanted != "100":  # in reply to Expect, if the body is not there
                answer = client.answer(False)
            status, body, whole = answer
            if trickle and case.answer is not None and wanted == "502" and not whole:
                return body  # what came before the fault was passed on, and is seen to break off
            if str(status) not in wanted.rstrip("-").split("/"):
                raise Failure(f"{status} instead of {wanted}")
            if not whole and case.after != "cut":
                raise Failure(f"the answer {status} broke off")
        if case.after == "cut":
            if whole:
                raise Failure("the client cannot see that the answer broke off")
        elif case.after == "told" and trickle and client.told_to_close:
            self.see_end(client)
        elif case.after in ("open", "told"):
            self.probe(client, "the same client")
        elif case.after == "close" or not case.statuses:
            self.see_end(client)
        return body

    def see_end(self, client):
        rest = client.read_to_end()
        if rest:
            raise Failure(f"more came: {rest[:120]!r}")

    def requests(self):
        with self.backend.lock:
            if self.backend.violations:
                raise Failure("the backend got " + "; ".join(self.backend.violations))
            return list(self.backend.requests)

    def judge_swept(self, client, case):
        requests = [r for r in self.requests() if r.complete]
        match = re.match(rb"HTTP/1\.1 (\d\d\d) ", client.all)
        if client.all and not match:
            raise Failure(f"junk for an answer: {client.all[:80]!r}")
        # A client that has ended its stream may be taken for gone, and get no answer, or 502.
        if match and match.group(1) not in (b"200", b"502"):
            if requests:
                raise Failure(f"refused, and the backend had {requests[0].raw[:300]!r}")
            return
        if not requests and (not match or match.group(1) == b"502"):
            return
        if client.all.count(b"HTTP/1.1 ") > 1 or len(requests) != 1:
            raise Failure(f"{len(requests)} requests, answered by {client.all[:300]!r}")
        names = [re.sub(rb"[^a-z]", b"", name) for name, _ in requests[0].fields
                 if name not in (b"content-length", b"transfer-encoding")]
        if b"contentlength" in names or b"transferencoding" in names:
            raise Failure(f"a name like framing went through: {requests[0].fields}")
        framed = "/chunk-" in case.name or "/line-" in case.name
        if requests[0].body != b"hello" and (requests[0].body or framed):
            raise Failure(f"the backend had {requests[0].raw[-120:]!r}")

    def judge(self, client, case, body):
        requests = self.requests()
        raw = b"".join(r.raw for r in requests)
        for request in requests:
            if b"smuggled" in request.target:
                raise Failure(f"SMUGGLED: the backend got {request.raw[:200]!r}")
        complete = sum(r.complete for r in requests)
        if case.requests() not in (complete, "any"):
            raise Failure(f"the backend had {complete} requests, not {case.requests()}: {raw[:300]!r}")
        seen = raw + b"".join(r.body for r in requests)  # also what the framing cuts up
        first = requests[0] if requests else backends.Request(b"", b"", [])
        found = {"target": first.target, "method": first.method, "content": first.body, "body": body}
        for word, value in case.checks:
            if word in found and found[word] != value:
                raise Failure(f"{word} is {found[word][:200]!r}, not {value[:200]!r}")
            if word in ("sees", "lacks") and (value in seen) != (word == "sees"):
                raise Failure(f"backend {word} {value!r} does not hold: {raw[:600]!r}")
            if word in ("has", "misses") and (value in client.all) != (word == "has"):
                raise Failure(f"client {word} {value!r} does not hold: {client.all[:600]!r}")


def work(lane, jobs, failures):
    while True:
        try:
            case, trickle = jobs.get_nowait()
        except queue.Empty:
            return
        try:
            lane.run(case, trickle)
        except (Failure, backends.Violation, AssertionError, OSError) as problem:
            manner = " (in single bytes)" if trickle else ""
            failures.append(f"{case.where}: {case.name}{manner} [{case.source}]: {problem}")
            if lane.process.poll() is not None:
                failures.append(f"the gateway ended: {''.join(lane.log)[-3000:]}")
                return
            lane.come_to_rest()


def may_trickle(case):
    """What a backend sends behind an answer must come with it: later, it is unasked-for bytes on an
    idle connection, and a race with the next request."""
    if case.answer is not None and (case.then == "keep" or len(case.answer) > TRICKLE_BYTES):
        return False
    return case.swept is None and len(case.sent) <= TRICKLE_BYTES


def main():
    gwctl, wanted = sys.argv[1], sys.argv[2:]
    cases = [c for path in sorted(FOLDER.glob("*.cases")) for c in case_files.read(path)]
    if wanted:
        cases = [c for c in cases if any(c.name.startswith(w) for w in wanted)]
    jobs, failures, runs = queue.Queue(), [], 0
    # The slow ones first, so that their waiting overlaps with the rest.
    for case in sorted(cases, key=lambda c: c.answer != b""):
        for trickle in (False, True):
            if trickle and not may_trickle(case):
                continue
            jobs.put((case, trickle))
            runs += 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gwctl-http1-") as folder:
        lanes = [Lane(gwctl, folder, number) for number in range(LANES)]
        threads = [threading.Thread(target=work, args=(lane, jobs, failures)) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for lane in lanes:
            status = lane.stop()
            if status != 0:
                failures.append(f"a gateway ended with {status}: {''.join(lane.log)[-3000:]}")
    for failure in sorted(failures):
        print(failure)
    areas = {}
    for case in cases:
        area = case.name.split("/")[0]
        areas[area] = areas.get(area, 0) + 1
    print(", ".join(f"{area} {count}" for area, count in sorted(areas.items())))
    print(f"{len(cases)} cases in {runs} runs, {len(failures)} failures, "
          f"{time.monotonic() - began:.1f} s")
    return 1 if failures or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
