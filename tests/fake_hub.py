"""As much of the Hugging Face Hub as ``huggingface_hub`` needs to send and to fetch files."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_made_up"


@dataclass
class FakeHub:
    """Repositories by name, each commit with all its files; and every request that came.

    Args:
        size_said: what the hub says of a file's size, where that is not the truth.
    """

    address: str = ""
    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    size_said: int | None = None

    def add(self, repository: str, files: dict[str, bytes]) -> str:
        """Commit files on top of what is there, and return the commit."""
        commits = self.repositories.setdefault(repository, {})
        whole = (dict(list(commits.values())[-1]) if commits else {}) | files
        commit = hashlib.sha1(f"{repository}{len(commits)}".encode()).hexdigest()
        commits[commit] = whole
        return commit

    def latest(self, repository: str) -> dict[str, bytes]:
        return list(self.repositories[repository].values())[-1]


class Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, values: Any, status: int = 200) -> None:
        self.answer(status, json.dumps(values).encode(), Content_Type="application/json")

    def body(self) -> bytes:
        length = self.headers.get("Content-Length")
        if length is not None:
            return self.rfile.read(int(length))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.requests.append((self.command, path))
        owner, name, kind, revision, file = (path.strip("/").split("/", 4) + [""] * 5)[:5]
        repository = f"{owner}/{name}"
        commits = self.hub.repositories.get(repository)
        if commits is None or kind != "resolve":
            return self.answer(401, X_Error_Code="RepoNotFound", X_Error_Message="none")
        commit = next(reversed(commits), "") if revision == "main" else revision
        if commit not in commits:
            return self.answer(404, X_Error_Code="RevisionNotFound")
        content = commits[commit].get(file)
        if content is None:
            return self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        headers = {"X_Repo_Commit": commit, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
        if self.command == "HEAD" and self.hub.size_said is not None:
            headers["Content_Length"] = str(self.hub.size_said)
        return self.answer(200, content, **headers)

    def do_PUT(self) -> None:
        self.hub.requests.append(("PUT", self.path))
        self.hub.objects[self.path.rpartition("/")[2]] = self.body()
        self.answer(200)

    def do_POST(self) -> None:
        path, body = self.path.partition("?")[0], self.body()
        self.hub.requests.append(("POST", path))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.json({"error": "Invalid username or password."}, 401)
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path == "/api/validate-yaml":
            return self.json({"errors": [], "warnings": []})
        if path.endswith("/info/lfs/objects/batch"):
            return self.json({"objects": list(map(self.upload, json.loads(body)["objects"]))})
        _, _, _, owner, name, action, *_ = path.split("/")
        if action == "preupload":
            return self.json({"files": list(map(self.mode, json.loads(body)["files"]))})
        assert action == "commit", path
        return self.commit(f"{owner}/{name}", body)

    def create(self, asked: dict[str, Any]) -> None:
        repository = f"{asked.get('organization') or 'ann'}/{asked['name']}"
        address = f"{self.hub.address}/{repository}"
        if repository in self.hub.repositories:
            return self.json({"error": "exists", "url": address}, 409)
        self.hub.repositories[repository] = {}
        if asked.get("visibility") == "private" or asked.get("private"):
            self.hub.private.add(repository)
        return self.json({"url": address, "name": repository, "id": repository})

    def mode(self, file: dict[str, Any]) -> dict[str, Any]:
        kind = "lfs" if file["path"].endswith(".safetensors") else "regular"
        return {"path": file["path"], "uploadMode": kind, "shouldIgnore": False}

    def upload(self, wanted: dict[str, Any]) -> dict[str, Any]:
        href = f"{self.hub.address}/lfs/{wanted['oid']}"
        return wanted | {"actions": {"upload": {"href": href, "header": {}}}}

    def commit(self, repository: str, body: bytes) -> None:
        files = {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
        commit = self.hub.add(repository, files)
        address = f"{self.hub.address}/{repository}/commit/{commit}"
        self.json({"commitUrl": address, "commitOid": commit, "pullRequestUrl": None})


@contextmanager
def running() -> Iterator[FakeHub]:
    """Serve a hub on loopback."""
    hub = FakeHub()
    handler = type("HandlerOfHub", (Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield hub
        server.shutdown()
