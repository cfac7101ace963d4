"""What tests of this folder that are written in Python have in common."""
import pathlib
import re
import subprocess
import threading

SECONDS = 20
SKIPPED = 77


class Gateway:
    """The gateway as a process of its own; `ports` are those of its listeners, in their order."""

    def __init__(self, gwctl, folder, document, *arguments, listeners=1):
        path = pathlib.Path(folder) / "gateway.yaml"
        path.write_text(document, encoding="utf-8")
        own = [] if "listeners:" in document else ["--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [gwctl, "serve", str(path), *own, "--workers", "2", "--access-log", "off", "--grace",
             "1s", *arguments], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=folder)
        self.ports, lines = [], []
        for line in self.process.stderr:
            lines.append(line.decode("utf-8", "replace"))
            if found := re.search(r"listening address=127\.0\.0\.1:(\d+)", lines[-1]):
                self.ports.append(int(found.group(1)))
            if len(self.ports) == listeners:
                break
        else:
            raise SystemExit("the gateway did not start:\n" + "".join(lines))
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        try:
            while self.process.stderr.read(4096):
                pass
        except ValueError:  # closed by stop()
            pass

    def stop(self):
        self.process.terminate()
        status = self.process.wait(SECONDS)
        self.process.stderr.close()
        if status != 0:
            raise AssertionError(f"the gateway ended with {status}")


def make_certificate(folder, name, *more, covers=None, key=None):
    """`name`.crt and `name`.key in `folder` for `covers` (NAME.test), signed by itself."""
    key = key or ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(
        ["openssl", "req", "-x509", *key, "-nodes", "-days", "2", "-subj", f"/CN={name}.test",
         "-addext", f"subjectAltName=DNS:{covers or name + '.test'}", *more, "-keyout",
         f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt"],
        check=True, capture_output=True, timeout=SECONDS)
