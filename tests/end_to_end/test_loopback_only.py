"""The whole way where there is no network: in a namespace of its own, with loopback alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Loopback is brought up as root of the namespace; iproute2 need not be installed for it.
# 192.0.2.1 is nobody's address (RFC 5737): without a network it cannot even be asked for.
PROGRAM = """
import errno, fcntl, http.client, json, signal, socket, struct, subprocess, sys
from pathlib import Path
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
photos, folder = Path(sys.argv[1]), Path(sys.argv[2])
photo = photos / "right" / "01.png"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
    fcntl.ioctl(asked, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    assert asked.connect_ex(("192.0.2.1", 9)) == errno.ENETUNREACH
COMMAND = [sys.executable, "-m", "convwise"]
def convwise(*arguments):
    command = [*COMMAND, *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
def post(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/predict", photo.read_bytes())
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())
run = folder / "run"
training = ["--network", "lenet", "--epochs", 1, "--batch-size", 8, "--threads", 1]
told = {}
convwise("train", photos, *training, "--no-cache", "--out", run)
convwise("explain", run, photo, "--html", folder / "explain.html")
told["export"] = json.loads(convwise("export", run, "--to", "onnx", "--out", folder / "m.onnx"))
told["predict"] = json.loads(convwise("predict", run, photo, "--runtime", "onnxruntime"))
serve = [*COMMAND, "serve", str(run), "--threads", "1", "--port", "0"]
with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True) as server:
    lines = (json.loads(line) for line in server.stderr)
    url = next(line["url"] for line in lines if line["event"] == "listening")
    told["serve"] = post(int(url.rpartition(":")[2]))
    server.send_signal(signal.SIGTERM)
    told["stopped"] = [line["event"] for line in lines][-1], server.wait(60)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def alone() -> list[str]:
    """A command's beginning: it runs the rest in a network namespace of its own."""
    tool = shutil.which("unshare")
    # As root, or as root of a user namespace of its own.
    for options in (["--net"], ["--map-root-user", "--net"]):
        if tool and subprocess.run([tool, *options, "true"], capture_output=True).returncode == 0:
            return [tool, *options]
    pytest.skip("no network namespace can be made here: it takes unshare, and the right to")


def test_train_explain_export_serve_and_predict_need_no_network(
    alone: list[str], convwise: Any, photos: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*alone, sys.executable, "-c", PROGRAM, str(photos), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=convwise.environment(),
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    told = json.loads(done.stdout)
    assert "<html" in (tmp_path / "explain.html").read_text(encoding="utf-8")
    assert told["export"]["agreement"] == 1.0
    status, served = told["serve"]
    assert status == 200, served
    best = served["predictions"][0]
    assert best["label"] == told["predict"]["label"]
    assert best["probability"] == pytest.approx(told["predict"]["probability"], abs=1e-4)
    assert told["stopped"] == ["stopped", 0]
