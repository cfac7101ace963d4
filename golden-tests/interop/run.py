#!/usr/bin/env python3
"""Runs a test that is written for Node, with the gateway's program as its argument.

  run.py GWCTL FILE [MODULE...]

Ends with 77, and says `skipped`, where node or one of the modules is not there: ctest shows such a
test as skipped. Modules are looked for beside this file (npm) and where Debian puts them.
"""
import os
import pathlib
import shutil
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
NEED_NODE_20 = {"jose", "oidc-provider"}  # Web Crypto without a flag


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    gwctl, file, *modules = sys.argv[1:]
    node = shutil.which("node")
    if node is None:
        print("skipped: node is not installed")
        return SKIPPED
    environment = {**os.environ, "NODE_PATH": f"{FOLDER}/node_modules:/usr/share/nodejs",
                   "GWCTL": str(pathlib.Path(gwctl).resolve())}
    for module in modules:
        found = subprocess.run([node, "-e", f"require.resolve('{module}')"], cwd=FOLDER,
                               env=environment, capture_output=True, check=False)
        if found.returncode != 0:
            print(f"skipped: {module} is not installed (scripts/setup --all installs it)")
            return SKIPPED
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if NEED_NODE_20 & set(modules) and int(version.lstrip("v").split(".")[0]) < 20:
        print(f"skipped: Node 20 is needed, not {version.strip()}")
        return SKIPPED
    return subprocess.run([node, str(FOLDER / file)], cwd=FOLDER, env=environment,
                          check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
