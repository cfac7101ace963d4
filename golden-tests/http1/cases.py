"""Reads the files of cases; run.py says how they are written."""
import re

ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|\{(\d+)\*((?:[^{}]|\\\{[^{}]*\})*)\}|(.))")
SEPARATOR = re.compile(r" \|(?= )")
PLAIN = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}


def unescape(text):
    out, at = b"", 0
    for match in ESCAPE.finditer(text):
        out += text[at:match.start()].encode("utf-8")
        at = match.end()
        byte, count, repeated, plain = match.groups()
        if byte:
            out += bytes([int(byte, 16)])
        elif count:
            out += int(count) * unescape(repeated)
        else:
            out += PLAIN[plain]
    return out + text[at:].encode("utf-8")


class Case:
    def __init__(self, name, source):
        self.name, self.source = name, source
        self.sent, self.answer, self.then, self.early = b"", None, "keep", False
        self.ends = False
        self.swept = None  # the byte, in a case of a sweep
        self.statuses, self.after, self.backend = [], None, None
        self.checks = []  # (word, bytes)

    def send(self, text, line):
        self.sent += unescape(text) + (b"\r\n" if line else b"")

    def reply(self, text, line):
        self.answer = (self.answer or b"") + unescape(text) + (b"\r\n" if line else b"")

    def expect(self, text):
        """`400 close; sees X; ...`"""
        first, *rest = [part.strip() for part in text.split("; ")]
        words = first.split()
        self.after = words.pop() if words[-1] in ("open", "told", "close", "cut", "either") else "either"
        self.statuses = []
        for word in words:
            status, _, count = word.partition("*")
            self.statuses += [] if word == "none" else [status] * int(count or 1)
        for part in rest:
            word, _, value = part.partition(" ")
            self.check(word, value)

    def check(self, word, value):
        if word == "ends":
            self.ends = True
        elif word == "backend":
            self.backend = value if value == "any" else int(value)
        elif word in ("sees", "lacks", "target", "method", "content", "body", "has", "misses"):
            self.checks.append((word, unescape(value)))
        else:
            raise ValueError(f"{self.name}: what is `{word}`?")

    def requests(self):
        """How many requests the backend must have had; unless said, as many as were answered."""
        if self.backend is not None:
            return self.backend
        return sum(1 for status in self.statuses if status[0] == "2")


def directive(case, line):
    if line.startswith(">>"):
        case.send(line[3:], False)
    elif line.startswith(">"):
        case.send(line[2:], True)
    elif line.startswith("<<"):
        case.reply(line[3:], False)
    elif line.startswith("<"):
        case.reply(line[2:], True)
    else:
        word, _, value = line.partition(" ")
        if word == "then":
            case.then = value
        elif word == "early":
            case.early = True
        elif word == "silent":
            case.answer = b""
        elif word == "expect":
            case.expect(value)
        else:
            case.check(word, value)


def sweep(area, lines, where, line):
    name, source, value = [part.strip(" ") for part in SEPARATOR.split(line[2:])]
    for byte in range(256):
        case = Case(f"{area}/{name}-{byte:02x}", source)
        case.where, case.swept, case.after = where, byte, "either"
        for part in lines:
            directive(case, part.replace("{}", value.replace(r"\?", f"\\x{byte:02x}")))
        yield case


def read(path):
    templates, cases, case, template, area = {}, [], None, None, path.stem
    lines = swept = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path.name}:{number}"
        if line.startswith("case "):
            name, _, source = line[5:].partition(" | ")
            case, template = Case(f"{area}/{name.strip()}", source), None
            case.where = where
            cases.append(case)
        elif line.startswith("template "):
            template = templates.setdefault(line[9:].strip(), [])
            case = None
        elif line.startswith("rows "):
            template, case, lines = None, None, templates[line[5:].strip()]
        elif line.startswith("sweep "):
            template, case, swept = None, None, templates[line[6:].strip()]
            lines = None
        elif line.startswith("- ") and lines is None:
            cases += sweep(area, swept, where, line)
        elif line.startswith("- "):
            name, source, value, expected = [part.strip(" ") for part in SEPARATOR.split(line[2:])]
            row = Case(f"{area}/{name}", source)
            row.where = where
            for part in lines:
                directive(row, part.replace("{}", value))
            row.expect(expected)
            cases.append(row)
        elif template is not None:
            template.append(line)
        elif case is not None:
            directive(case, line)
        else:
            raise ValueError(f"{where}: a line without a case")
    for case in cases:
        if case.after is None:
            raise ValueError(f"{case.where}: nothing is expected")
    names = set()
    for case in cases:
        if case.name in names:
            raise ValueError(f"{path.name}: two cases are called {case.name}")
        names.add(case.name)
    return cases
