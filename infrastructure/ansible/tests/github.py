#!/usr/bin/env python3
"""A stand-in for GitHub: the part of its REST API that the playbooks use, what the runner's config.sh and listener talk
to, and the runner's archive. For tests alone.

Every request is held against GitHub's published description of its REST API, and every answer too (description.py). What
it does not allow is kept in the state's `faults`: a request is refused with 422, an answer becomes a 500.

usage: github.py ADDRESS PORT ARCHIVE   (PORT 0: a free one; it says which)

Tests steer it through /test: GET shows the state, POST changes it.
"""

import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import description

ADMIN = "admin-token-Zq81"
OWNER = "acme"
# A listener that was not heard of for so long is offline.
SILENCE = 4.0
DOCUMENTATION = "https://docs.github.com/rest"

lock = threading.Lock()
operations = description.operations()
state = {
    "runners": [],
    "groups": [
        {"id": 1, "name": "Default", "default": True, "visibility": "all", "allows_public_repositories": True, "inherited": False, "runners_url": ""}
    ],
    "tokens": {},
    "next": 100,
    "admin": ADMIN,
    # expired: registration tokens are handed out and refused by the time they are used.
    "expired": False,
    # The end of a path at whose first request the admin's token expires.
    "expires_at": "",
    "requests": [],
    # Operation and status of each answer, and what the description does not allow.
    "answers": [],
    "faults": [],
}
heard = {}


def runner_answer(runner):
    online = time.monotonic() - heard.get(runner["id"], -1e9) < SILENCE
    told = {key: value for key, value in runner.items() if key not in ("secret", "place")}
    return {**told, "status": "online" if online else "offline"}


def label(name, kind):
    return {"id": abs(hash(name)) % 1000, "name": name, "type": kind}


def make_runner(place, name, group, labels, secret):
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
        # Whose it is: the organisation's, or one repository's.
        "place": place,
    }
    state["runners"].append(runner)
    return runner


class GitHub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    operation = None

    def log_message(self, *_):
        pass

    def answer(self, status, body=None):
        if self.operation:
            state["answers"].append([self.operation.name, status])
            if wrong := list(self.operation.answer_faults(status, body)):
                self.fault(f"answer {status}", wrong)
                status, body = 500, {"message": "; ".join(wrong)}
        payload = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def refuse(self, status, message):
        body = {"message": message, "documentation_url": DOCUMENTATION}
        # A body of 422 is described without it.
        self.answer(status, body if status == 422 else {**body, "status": str(status)})

    def fault(self, what, wrong):
        state["faults"].append(f"{what} of {self.command} {self.path}: {'; '.join(wrong)}")

    def handle_one(self):
        self.operation = None
        url = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(text) if text else None
        if url.path == "/archive.tar.gz":
            return self.archive()
        with lock:
            if url.path == "/test":
                state.update(body or {})
                shown = [{**runner_answer(runner), "place": runner["place"]} for runner in state["runners"]]
                return self.answer(200, {**state, "runners": shown})
            if url.path != "/api/v3/actions/heard":
                state["requests"].append(f"{self.command} {url.path}")
            if url.path.startswith("/api/v3/actions/"):
                return self.listener(url.path, body)
            return self.described(url.path.removeprefix("/api/v3"), parse_qs(url.query, keep_blank_values=True), body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_one

    def described(self, path, query, body):
        """Does what the description allows, and refuses the rest."""
        found = [one for one in operations if one.method == self.command and one.place.fullmatch(path)]
        if not found:
            self.fault("request", ["there is no such operation"])
            return self.refuse(404, "Not Found")
        self.operation = found[0]
        wrong = list(self.operation.request_faults(path, query, body))
        if not self.headers.get("User-Agent"):
            wrong.append("User-Agent is missing")
        if wrong:
            self.fault("request", wrong)
            self.operation = None
            return self.refuse(422, f"Invalid request. {'; '.join(wrong)}")
        if state["expires_at"] and path.endswith(state["expires_at"]):
            state["admin"], state["expires_at"] = None, ""
        if self.headers.get("Authorization") != f"Bearer {state['admin']}":
            return self.refuse(401, "Bad credentials")
        place = re.match(r"/(orgs/[^/]+|repos/[^/]+/[^/]+)/actions/(.*)", path)
        if place[1] not in (f"orgs/{OWNER}", f"repos/{OWNER}/shop"):
            return self.refuse(404, "Not Found")
        return self.api(place[1], place[2], query, body)

    def archive(self):
        with open(sys.argv[3], "rb") as file:
            content = file.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def api(self, place, path, query, body):
        """One request of an organisation or a repository, as the description has it."""
        runners = [runner for runner in state["runners"] if runner["place"] == place]
        if path == "runners":
            named = [runner for runner in runners if query.get("name", [runner["name"]])[0] == runner["name"]]
            return self.answer(200, {"total_count": len(named), "runners": [runner_answer(runner) for runner in named]})
        if path == "runner-groups":
            return self.groups(place, body)
        if path == "runners/registration-token":
            state["next"] += 1
            token = f"REGISTRATION{state['next']}SECRET"
            state["tokens"][token] = not state["expired"]
            return self.answer(201, {"token": token, "expires_at": "2030-01-01T00:00:00.000Z"})
        if path == "runners/generate-jitconfig":
            return self.just_in_time(place, runners, body)
        number, _, rest = path.removeprefix("runners/").partition("/")
        runner = next((runner for runner in runners if runner["id"] == int(number)), None)
        if not runner:
            return self.refuse(404, "Not Found")
        if rest == "labels":
            runner["labels"] = [one for one in runner["labels"] if one["type"] == "read-only"]
            if self.command == "PUT":
                runner["labels"] += [label(custom, "custom") for custom in body["labels"]]
            return self.answer(200, {"total_count": len(runner["labels"]), "labels": runner["labels"]})
        if runner["busy"]:
            return self.refuse(422, f"Runner \"{runner['name']}\" is currently running a job and cannot be deleted.")
        state["runners"].remove(runner)
        return self.answer(204)

    def groups(self, place, body):
        def told(group):
            return {**group, "runners_url": f"http://{self.headers['Host']}/api/v3/{place}/actions/runner-groups/{group['id']}/runners"}

        if self.command == "GET":
            return self.answer(200, {"total_count": len(state["groups"]), "runner_groups": [told(group) for group in state["groups"]]})
        if any(group["name"] == body["name"] for group in state["groups"]):
            return self.refuse(409, "Conflict")
        state["next"] += 1
        group = {"id": state["next"], "default": False, "inherited": False, **{key: body[key] for key in ("name", "visibility", "allows_public_repositories")}}
        state["groups"].append(group)
        return self.answer(201, told(group))

    def just_in_time(self, place, runners, body):
        if any(runner["name"] == body["name"] for runner in runners):
            return self.refuse(409, f"Already exists - A runner with the name {body['name']} already exists.")
        if place.startswith("orgs/") and body["runner_group_id"] not in [group["id"] for group in state["groups"]]:
            return self.refuse(404, "Not Found")
        secret = f"JITSECRET{state['next']}"
        runner = make_runner(place, body["name"], body["runner_group_id"], body["labels"], secret)
        runner["ephemeral"] = True
        address = f"http://{self.headers['Host']}/{place.removeprefix('orgs/').removeprefix('repos/')}"
        return self.answer(201, {"runner": runner_answer(runner), "encoded_jit_config": f"{secret} {runner['id']} {address}"})

    def listener(self, path, body):
        """What config.sh and the listener of the stand-in archive say; the real ones' protocol is not public."""
        if path.endswith("/register"):
            if not state["tokens"].get(body["token"]):
                return self.refuse(404, "Not Found")
            group = next((group["id"] for group in state["groups"] if group["name"] == body["group"]), None)
            if group is None:
                return self.refuse(422, f"Could not find any self-hosted runner group named \"{body['group']}\".")
            place = f"{'repos' if '/' in body['place'] else 'orgs'}/{body['place']}"
            state["runners"] = [runner for runner in state["runners"] if (runner["place"], runner["name"]) != (place, body["name"])]
            runner = make_runner(place, body["name"], group, body["labels"], f"CREDENTIAL{state['next']}")
            return self.answer(200, {"id": runner["id"], "secret": runner["secret"]})
        runner = next((runner for runner in state["runners"] if runner["secret"] == body["secret"]), None)
        if not runner:
            return self.refuse(401, "Unauthorized")
        heard[runner["id"]] = time.monotonic()
        runner["busy"] = body["busy"]
        if body.get("done") and runner["ephemeral"]:
            state["runners"].remove(runner)
        return self.answer(200, {"id": runner["id"], "name": runner["name"]})


if __name__ == "__main__":
    server = ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), GitHub)
    print(server.server_address[1], flush=True)
    server.serve_forever()
