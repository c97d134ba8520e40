#!/usr/bin/env python3
"""A stand-in for GitHub: the part of its REST API that the playbooks use, what the runner's config.sh and listener talk
to, and the runner's archive. Answers as GitHub's description of its REST API says. For tests alone.

usage: github.py ADDRESS PORT ARCHIVE

Tests steer it through /test: GET shows the state, POST changes it.
"""

import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ADMIN = "admin-token-Zq81"
OWNER = "acme"
# A listener that was not heard of for so long is offline.
SILENCE = 4.0

lock = threading.Lock()
state = {
    "runners": [],
    "groups": [{"id": 1, "name": "Default", "default": True, "visibility": "all", "allows_public_repositories": True}],
    "tokens": {},
    "next": 100,
    "admin": ADMIN,
    # expired: registration tokens are handed out and refused by the time they are used.
    "expired": False,
    "requests": [],
}
heard = {}


def runner_answer(runner):
    online = time.monotonic() - heard.get(runner["id"], -1e9) < SILENCE
    return {**{key: value for key, value in runner.items() if key != "secret"}, "status": "online" if online else "offline"}


def label(name, kind):
    return {"id": abs(hash(name)) % 1000, "name": name, "type": kind}


def make_runner(name, group, labels, secret):
    state["next"] += 1
    runner = {
        "id": state["next"],
        "name": name,
        "os": "linux",
        "status": "offline",
        "busy": False,
        "ephemeral": False,
        "runner_group_id": group,
        "labels": [label(read_only, "read-only") for read_only in ("self-hosted", "Linux", "X64")]
        + [label(custom, "custom") for custom in labels if custom not in ("self-hosted", "linux", "x64")],
        "secret": secret,
    }
    state["runners"].append(runner)
    return runner


class GitHub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=None):
        payload = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def body(self):
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        return json.loads(text) if text else {}

    def handle_one(self):
        place = urlsplit(self.path)
        path, query, body = place.path, parse_qs(place.query), self.body()
        if path == "/archive.tar.gz":
            return self.archive()
        with lock:
            if path == "/test":
                state.update(body)
                return self.answer(200, {**state, "runners": [runner_answer(runner) for runner in state["runners"]]})
            if path != "/api/v3/actions/heard":
                state["requests"].append(f"{self.command} {path}")
            if path.startswith("/api/v3/actions/"):
                return self.listener(path, body)
            prefix = re.fullmatch(rf"/api/v3/(orgs/{OWNER}|repos/{OWNER}/shop)/actions/(.*)", path)
            if self.headers.get("Authorization") != f"Bearer {state['admin']}":
                return self.answer(401, {"message": "Bad credentials", "status": "401"})
            if not prefix:
                return self.answer(404, {"message": "Not Found", "status": "404"})
            return self.api(prefix[2], query, body)

    do_GET = do_POST = do_PUT = do_DELETE = handle_one

    def archive(self):
        with open(sys.argv[3], "rb") as file:
            content = file.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def api(self, path, query, body):
        if self.command == "GET" and path == "runners":
            named = [runner for runner in state["runners"] if query.get("name", [runner["name"]])[0] == runner["name"]]
            return self.answer(200, {"total_count": len(named), "runners": [runner_answer(runner) for runner in named]})
        if path == "runner-groups" and self.command == "GET":
            return self.answer(200, {"total_count": len(state["groups"]), "runner_groups": state["groups"]})
        if path == "runner-groups" and self.command == "POST":
            if any(group["name"] == body["name"] for group in state["groups"]):
                return self.answer(409, {"message": "Conflict", "status": "409"})
            state["next"] += 1
            group = {"id": state["next"], "default": False, **{key: body[key] for key in ("name", "visibility", "allows_public_repositories")}}
            state["groups"].append(group)
            return self.answer(201, group)
        if self.command == "POST" and path == "runners/registration-token":
            state["next"] += 1
            token = f"REGISTRATION{state['next']}SECRET"
            state["tokens"][token] = not state["expired"]
            return self.answer(201, {"token": token, "expires_at": "2030-01-01T00:00:00.000Z"})
        if self.command == "POST" and path == "runners/generate-jitconfig":
            if any(runner["name"] == body["name"] for runner in state["runners"]):
                return self.answer(409, {"message": "Already exists", "status": "409"})
            secret = f"JITSECRET{state['next']}"
            runner = make_runner(body["name"], body["runner_group_id"], body["labels"], secret)
            runner["ephemeral"] = True
            return self.answer(201, {"runner": runner_answer(runner), "encoded_jit_config": f"{secret} {runner['id']} http://{self.headers['Host']}/{OWNER}"})
        found = re.fullmatch(r"runners/(\d+)(/labels)?", path)
        runner = found and next((runner for runner in state["runners"] if runner["id"] == int(found[1])), None)
        if not runner:
            return self.answer(404, {"message": "Not Found", "status": "404"})
        if found[2]:
            runner["labels"] = [one for one in runner["labels"] if one["type"] == "read-only"]
            if self.command == "PUT":
                runner["labels"] += [label(custom, "custom") for custom in body["labels"]]
            return self.answer(200, {"total_count": len(runner["labels"]), "labels": runner["labels"]})
        if self.command == "DELETE":
            if runner["busy"]:
                return self.answer(422, {"message": f"Runner \"{runner['name']}\" is currently running a job and cannot be deleted."})
            state["runners"].remove(runner)
            return self.answer(204)
        return self.answer(200, runner_answer(runner))

    def listener(self, path, body):
        """What config.sh and the listener of the stand-in archive say; the real ones' protocol is not public."""
        if path.endswith("/register"):
            if not state["tokens"].get(body["token"]):
                return self.answer(404, {"message": "Not Found"})
            group = next((group["id"] for group in state["groups"] if group["name"] == body["group"]), None)
            if group is None:
                return self.answer(422, {"message": f"Could not find any self-hosted runner group named \"{body['group']}\"."})
            state["runners"] = [runner for runner in state["runners"] if runner["name"] != body["name"]]
            runner = make_runner(body["name"], group, body["labels"], f"CREDENTIAL{state['next']}")
            return self.answer(200, {"id": runner["id"], "secret": runner["secret"]})
        runner = next((runner for runner in state["runners"] if runner["secret"] == body["secret"]), None)
        if not runner:
            return self.answer(401, {"message": "Unauthorized"})
        heard[runner["id"]] = time.monotonic()
        runner["busy"] = body["busy"]
        if body.get("done") and runner["ephemeral"]:
            state["runners"].remove(runner)
        return self.answer(200, {"id": runner["id"], "name": runner["name"]})


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), GitHub).serve_forever()
