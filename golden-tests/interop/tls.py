#!/usr/bin/env python3
"""TLS of listeners with the clients that people debug theirs with: `openssl s_client` and curl.

  tls.py GWCTL

Certificates are made for the run. Says `skipped` when a client is not there.
"""
import hashlib
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

from gateway import SECONDS, SKIPPED, Gateway, make_certificate

GWCTL = None
OPEN, MODERN, REQUIRED, OPTIONAL = range(4)  # the listeners, in the order of the document

DOCUMENT = """
openapi: 3.1.0
info: {{title: TLS, version: 1.0.0}}
x-gw:
  version: 1
  listeners:
    - address: 127.0.0.1:0
      tls:
        cert: $file.{0}/a.crt
        key: $file.{0}/a.key
        certificates:
          - {{cert: $file.{0}/b.crt, key: $file.{0}/b.key}}
          - {{cert: $file.{0}/wild.crt, key: $file.{0}/wild.key}}
          - {{cert: $file.{0}/rsa.crt, key: $file.{0}/rsa.key}}
    - address: 127.0.0.1:0
      tls: {{cert: $file.{0}/a.crt, key: $file.{0}/a.key, minVersion: '1.3'}}
    - address: 127.0.0.1:0
      tls:
        cert: $file.{0}/a.crt
        key: $file.{0}/a.key
        clientCertificate: {{mode: required, ca: $file.{0}/ca.crt}}
    - address: 127.0.0.1:0
      tls:
        cert: $file.{0}/a.crt
        key: $file.{0}/a.key
        clientCertificate: {{mode: optional, ca: $file.{0}/ca.crt}}
  consumers:
    by-name: {{certificates: [{{san: 'DNS:client.test'}}]}}
    by-print: {{certificates: [{{fingerprint: '{1}'}}]}}
    by-subject: {{groups: [machines], certificates: [{{subject: CN=subject.test}}]}}
components:
  securitySchemes:
    tls: {{type: mutualTLS, x-gw: {{consumer: {{required: true}}}}}}
paths:
  /who:
    get:
      operationId: who
      security: [{{tls: []}}]
      x-gw:
        respond: {{status: 200, body: known}}
        response: {{headers: {{set: {{x-consumer: $consumer.name}}}}}}
      responses: {{'200': {{description: ok}}}}
  /machines:
    get:
      operationId: machines
      security: [{{tls: []}}]
      x-gw: {{respond: {{status: 204}}, allow: {{consumer: {{group: machines}}}}}}
      responses: {{'204': {{description: ok}}}}
  /hello:
    x-gw:
      respond: {{status: 200, body: hello}}
      response: {{headers: {{set: {{x-client: '{{$client.cert.subject}}'}}}}}}
"""

REQUEST = b"GET /hello HTTP/1.1\r\nHost: a.test\r\n\r\n"


class Session:
    """A running s_client that is talked to; `text` is all that it has said."""

    def __init__(self, folder, port, *arguments):
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile",
             f"{folder}/all.crt", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.text, self.said = "", threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while piece := os.read(self.process.stdout.fileno(), 4096):
            with self.said:
                self.text += piece.decode("latin-1")
                self.said.notify_all()
        with self.said:
            self.text += "<end>"
            self.said.notify_all()

    def send(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def until(self, what):
        with self.said:
            if not self.said.wait_for(lambda: what in self.text, SECONDS):
                raise AssertionError(f"no `{what}` in:\n{self.text}")

    def stop(self):
        self.process.kill()
        self.process.wait(SECONDS)
        try:
            self.process.stdin.close()
        except BrokenPipeError:  # of what it has not read
            pass


class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = folder = pathlib.Path(cls.temporary.name)
        for name in ("a", "b"):
            make_certificate(folder, name)
        make_certificate(folder, "wild", covers="*.wild.test")
        make_certificate(folder, "rsa", covers="a.test", key=["-newkey", "rsa:2048"])
        for name in ("ca", "otherca"):
            make_certificate(folder, name)
        for name, issuer in (("client", "ca"), ("stranger", "otherca"), ("print", "ca"),
                             ("subject", "ca"), ("nobody", "ca")):
            make_certificate(folder, name, "-CA", f"{folder}/{issuer}.crt", "-CAkey",
                             f"{folder}/{issuer}.key")
        (folder / "all.crt").write_text("".join(
            (folder / f"{name}.crt").read_text() for name in ("a", "b", "wild", "rsa")))
        shown = ssl.PEM_cert_to_DER_cert((folder / "print.crt").read_text())
        document = DOCUMENT.format(folder, hashlib.sha256(shown).hexdigest())
        cls.gateway = Gateway(GWCTL, folder, document, listeners=4)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.temporary.cleanup()

    def open(self, listener, *arguments):
        session = Session(self.folder, self.gateway.ports[listener], *arguments)
        self.addCleanup(session.stop)
        return session

    def shake_hands(self, *arguments, listener=OPEN):
        """What s_client says of a handshake."""
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.gateway.ports[listener]}",
             "-CAfile", f"{self.folder}/all.crt", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
        return (done.stdout + done.stderr).decode("latin-1")

    def curl(self, *arguments, listener=OPEN, path="/hello"):
        """Exit status, version of HTTP, status and head."""
        port = self.gateway.ports[listener]
        done = subprocess.run(
            ["curl", "-s", "-m", str(SECONDS), "-D", "-", "-o", os.devnull, "-w",
             "%{http_version} %{http_code}", "--cacert", str(self.folder / "all.crt"),
             "--connect-to", f"::127.0.0.1:{port}", *arguments, f"https://a.test:{port}{path}"],
            capture_output=True, timeout=2 * SECONDS, check=False)
        head, _, last = done.stdout.decode("latin-1").rpartition("\n")
        version, status = last.split(" ")
        return done.returncode, version, status, head

    def certificate(self, name):
        return ["-cert", f"{self.folder}/{name}.crt", "-key", f"{self.folder}/{name}.key"]

    def test_versions(self):
        for flag, text in (("-tls1_2", "New, TLSv1.2, Cipher is ECDHE-"),
                           ("-tls1_3", "New, TLSv1.3, Cipher is TLS_")):
            for modern in (False, True):
                with self.subTest(flag=flag, modern=modern):
                    said = self.shake_hands(flag, listener=MODERN if modern else OPEN)
                    if modern and flag == "-tls1_2":
                        self.assertIn("alert protocol version", said)
                    else:
                        self.assertIn(text, said)
        said = self.shake_hands("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
        self.assertIn("alert protocol version", said)
        said = self.shake_hands("-tls1_2", "-cipher", "AES128-SHA")  # no forward secrecy
        self.assertIn("alert handshake failure", said)

    def test_the_name_chooses_the_certificate(self):
        for name, subject in (("a.test", "a.test"), ("B.TEST", "b.test"),
                              ("x.wild.test", "wild.test"), ("wild.test", "a.test"),
                              ("x.y.wild.test", "a.test"), ("other.test", "a.test"),
                              (None, "a.test")):
            for version in ("-tls1_2", "-tls1_3"):
                with self.subTest(name=name, version=version):
                    asked = ["-noservername"] if name is None else ["-servername", name]
                    said = self.shake_hands(*asked, version, "-verify_hostname",
                                            "x.wild.test" if subject == "wild.test" else subject)
                    self.assertIn(f"subject=CN = {subject}\n", said)
                    self.assertIn("Verification: OK", said)

    def test_the_client_chooses_between_rsa_and_ecdsa(self):
        for cipher, kind in (("ECDHE-RSA-AES128-GCM-SHA256", "RSA"),
                             ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA")):
            said = self.shake_hands("-servername", "a.test", "-tls1_2", "-cipher", cipher)
            self.assertIn(f"Cipher is {cipher}", said)
            self.assertRegex(said, f"Peer signature type: {kind}")
        for scheme, kind in (("rsa_pss_rsae_sha256", "RSA-PSS"),
                             ("ecdsa_secp256r1_sha256", "ECDSA")):
            said = self.shake_hands("-servername", "a.test", "-tls1_3", "-sigalgs", scheme)
            self.assertRegex(said, f"Peer signature type: {kind}")

    def test_alpn(self):
        for offered, chosen in (("h2", "ALPN protocol: h2"),
                                ("http/1.1", "ALPN protocol: http/1.1"),
                                ("http/1.1,h2", "ALPN protocol: h2"),
                                ("spdy/3,h2", "ALPN protocol: h2"),
                                (None, "No ALPN negotiated"),
                                ("spdy/3", "alert no application protocol")):
            with self.subTest(offered=offered):
                asked = [] if offered is None else ["-alpn", offered]
                self.assertIn(chosen, self.shake_hands("-servername", "a.test", *asked))

    def test_sessions_are_taken_up_again(self):
        for version in ("-tls1_2", "-tls1_3"):
            with self.subTest(version=version):
                kept = self.folder / f"session{version}"
                first = self.open(OPEN, "-servername", "a.test", version, "-sess_out", str(kept))
                first.until("---\n")
                first.send(REQUEST)
                first.until("hello")  # the tickets of TLS 1.3 come ahead of it
                first.send(b"Q\n")
                first.until("<end>")
                again = self.open(OPEN, "-servername", "a.test", version, "-sess_in", str(kept))
                again.until("Reused, TLSv1." + version[-1])
                again.send(REQUEST)
                again.until("hello")

    def test_keys_are_renewed_and_nothing_is_renegotiated(self):
        session = self.open(OPEN, "-servername", "a.test", "-tls1_3")
        session.until("Verify return code: 0")
        for _ in range(5):
            session.text = ""
            session.send(b"K\n")  # and the gateway renews its own
            session.until("KEYUPDATE")
            session.send(REQUEST)
            session.until("hello")
        session = self.open(OPEN, "-servername", "a.test", "-tls1_2")
        session.until("Verify return code: 0")
        session.send(b"R\n")
        session.until("no renegotiation")
        session.until("<end>")

    def test_client_certificates_with_s_client(self):
        for version in ("-tls1_2", "-tls1_3"):
            for listener, name, reason in (
                    (REQUIRED, "client", None), (OPTIONAL, "client", None), (OPTIONAL, None, None),
                    (REQUIRED, None, "alert (certificate required|handshake failure)"),
                    (REQUIRED, "stranger", "alert unknown ca"),
                    (OPTIONAL, "stranger", "alert unknown ca")):
                with self.subTest(version=version, listener=listener, name=name):
                    shown = [] if name is None else self.certificate(name)
                    session = self.open(listener, "-servername", "a.test", version, *shown)
                    if reason is None:
                        session.until("Verify return code: 0")
                        self.assertIn("Acceptable client certificate CA names\nCN = ca.test",
                                      session.text)
                    session.send(REQUEST)
                    session.until("hello" if reason is None else "<end>")
                    if reason is None:
                        self.assertIn(f"x-client: CN={name}.test" if name else "HTTP/1.1 200 OK",
                                      session.text)
                        self.assertEqual("x-client:" in session.text, name is not None)
                    else:
                        self.assertRegex(session.text, reason)
                        self.assertNotIn("HTTP/1.1", session.text)

    def test_client_certificates_with_curl(self):
        for flag, version in (("--http1.1", "1.1"), ("--http2", "2")):
            for maximum in ("1.2", "1.3"):
                with self.subTest(version=version, maximum=maximum):
                    tls = [flag, "--tls-max", maximum]
                    shown = ["--cert", f"{self.folder}/client.crt", "--key",
                             f"{self.folder}/client.key"]
                    code, got, status, head = self.curl(*tls, *shown, listener=REQUIRED)
                    self.assertEqual((code, got, status), (0, version, "200"))
                    self.assertRegex(head, "(?m)^x-client: CN=client.test\r$")
                    code, _, status, _ = self.curl(*tls, listener=REQUIRED)
                    self.assertNotEqual(code, 0)
                    self.assertEqual(status, "000")
                    code, got, status, head = self.curl(*tls, listener=OPTIONAL)
                    self.assertEqual((code, got, status), (0, version, "200"))
                    self.assertNotIn("x-client", head)

    def test_certificates_name_consumers(self):
        for flag in ("--http1.1", "--http2"):
            for listener in (REQUIRED, OPTIONAL):
                for name, consumer in (("client", "by-name"), ("print", "by-print"),
                                       ("subject", "by-subject"), ("nobody", None), (None, None)):
                    if name is None and listener == REQUIRED:
                        continue  # there is no handshake
                    with self.subTest(flag=flag, listener=listener, name=name):
                        shown = [] if name is None else [
                            "--cert", f"{self.folder}/{name}.crt", "--key",
                            f"{self.folder}/{name}.key"]
                        code, _, status, head = self.curl(flag, *shown, listener=listener,
                                                          path="/who")
                        self.assertEqual((code, status), (0, "200" if consumer else "401"))
                        if consumer:
                            self.assertRegex(head, f"(?m)^x-consumer: {consumer}\r$")
                        else:
                            self.assertRegex(head, "(?mi)^www-authenticate: ClientCertificate\r$")
                            self.assertNotIn("x-consumer", head)
                        _, _, status, _ = self.curl(flag, *shown, listener=listener,
                                                    path="/machines")
                        self.assertEqual(status, "204" if name == "subject" else
                                         "403" if consumer else "401")
        # Where nobody is asked for a certificate nobody is known, whatever he says of himself.
        _, _, status, _ = self.curl("--cert", f"{self.folder}/client.crt", "--key",
                                    f"{self.folder}/client.key", "-H", "x-consumer: by-name",
                                    path="/who")
        self.assertEqual(status, "401")

    def test_resumption_does_not_skip_the_certificate(self):
        # A session of the listener that asks for none is no way into the one that requires it.
        kept = self.folder / "session-open"
        first = self.open(OPEN, "-servername", "a.test", "-tls1_3", "-sess_out", str(kept))
        first.send(REQUEST)
        first.until("hello")
        first.send(b"Q\n")
        first.until("<end>")
        session = self.open(REQUIRED, "-servername", "a.test", "-tls1_3", "-sess_in", str(kept))
        session.send(REQUEST)
        session.until("<end>")
        self.assertNotIn("HTTP/1.1", session.text)
        # Who has shown it once is still known by it when the session is taken up again.
        kept = self.folder / "session-client"
        first = self.open(REQUIRED, "-servername", "a.test", "-tls1_3", "-sess_out", str(kept),
                          *self.certificate("client"))
        first.send(REQUEST)
        first.until("hello")
        first.send(b"Q\n")
        first.until("<end>")
        again = self.open(REQUIRED, "-servername", "a.test", "-tls1_3", "-sess_in", str(kept))
        again.until("Reused, TLSv1.3")
        again.send(REQUEST)
        again.until("hello")
        self.assertIn("x-client: CN=client.test", again.text)
        again.send(REQUEST.replace(b"/hello", b"/who"))
        again.until("x-consumer: by-name")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    for tool in ("openssl", "curl"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            raise SystemExit(SKIPPED)
    GWCTL = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=1, warnings="ignore")
