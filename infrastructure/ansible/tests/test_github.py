"""The stand-in for GitHub, held against GitHub's published description of its REST API.

usage: python3 -m unittest test_github   (in this folder)
"""

import json
import subprocess
import sys
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import description
import github

HERE = Path(__file__).parent
ORGANISATION, REPOSITORY = "/orgs/acme/actions", "/repos/acme/shop/actions"


class StandIn(unittest.TestCase):
    def setUp(self):
        self.process = subprocess.Popen(
            [sys.executable, HERE / "github.py", "127.0.0.1", "0", "/dev/null"], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(self.end)
        self.base = f"http://127.0.0.1:{self.process.stdout.readline().strip()}"

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, method, path, body=None, token=github.ADMIN):
        """Status and body of an answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        return status, json.loads(text) if text else None

    def api(self, method, path, body=None, **more):
        return self.ask(method, f"/api/v3{path}", body, **more)

    def state(self, change=None):
        return self.ask("GET" if change is None else "POST", "/test", change)[1]

    def just_in_time(self, place, name, group=1):
        wanted = {"name": name, "runner_group_id": group, "labels": ["self-hosted", "production"], "work_folder": "_work"}
        return self.api("POST", f"{place}/runners/generate-jitconfig", wanted)

    def test_every_operation_answers_as_described(self):
        group = {"name": "production", "visibility": "private", "selected_repository_ids": [], "allows_public_repositories": False}
        self.assertEqual(self.api("POST", f"{ORGANISATION}/runner-groups", group)[0], 201)
        self.assertEqual(self.api("GET", f"{ORGANISATION}/runner-groups?per_page=100")[1]["total_count"], 2)
        for place in (ORGANISATION, REPOSITORY):
            self.assertEqual(self.api("POST", f"{place}/runners/registration-token")[0], 201)
            status, made = self.just_in_time(place, "runner-1")
            self.assertEqual((status, made["runner"]["ephemeral"]), (201, True))
            labels = f"{place}/runners/{made['runner']['id']}/labels"
            self.assertEqual([one["name"] for one in self.api("PUT", labels, {"labels": ["one"]})[1]["labels"]][3:], ["one"])
            self.assertEqual(self.api("DELETE", labels)[1]["total_count"], 3)
            status, listed = self.api("GET", f"{place}/runners?per_page=100&name=runner-1")
            self.assertEqual([one["id"] for one in listed["runners"]], [made["runner"]["id"]])
            self.assertEqual(self.api("DELETE", f"{place}/runners/{made['runner']['id']}"), (204, None))
            self.assertEqual(self.api("GET", f"{place}/runners")[1], {"total_count": 0, "runners": []})
        state = self.state()
        self.assertEqual(state["faults"], [])
        told = {tuple(answer) for answer in state["answers"]}
        self.assertEqual(told, {(one.name, one.success()) for one in description.operations()})

    def test_every_refusal_is_described(self):
        self.assertEqual(self.api("GET", f"{ORGANISATION}/runners", token="another")[0], 401)
        self.assertEqual(self.api("GET", "/orgs/another/actions/runners")[0], 404)
        self.assertEqual(self.api("DELETE", f"{ORGANISATION}/runners/7")[0], 404)
        self.assertEqual(self.api("PUT", f"{ORGANISATION}/runners/7/labels", {"labels": []})[0], 404)
        self.assertEqual(self.just_in_time(ORGANISATION, "runner-1", group=7)[0], 404)
        number = self.just_in_time(ORGANISATION, "runner-1")[1]["runner"]["id"]
        self.assertEqual(self.just_in_time(ORGANISATION, "runner-1")[0], 409)
        self.assertEqual(self.api("POST", f"{ORGANISATION}/runner-groups", {"name": "Default"})[0], 409)
        self.api("DELETE", f"{REPOSITORY}/runners/{number}")
        secret = f"JITSECRET{number - 1}"
        self.ask("POST", "/api/v3/actions/heard", {"secret": secret, "busy": True})
        self.assertEqual(self.api("DELETE", f"{ORGANISATION}/runners/{number}")[0], 422)
        self.assertEqual(self.state()["faults"], [])

    def test_a_token_may_expire_in_the_middle(self):
        self.state({"expires_at": "runners/registration-token"})
        self.assertEqual(self.api("GET", f"{ORGANISATION}/runners")[0], 200)
        self.assertEqual(self.api("POST", f"{ORGANISATION}/runners/registration-token")[0], 401)
        self.assertEqual(self.api("GET", f"{ORGANISATION}/runners")[0], 401)
        self.assertEqual(self.state()["faults"], [])

    def test_a_request_that_is_not_described_is_a_fault(self):
        good = {"name": "one", "runner_group_id": 1, "labels": ["production"]}
        post = ("POST", f"{ORGANISATION}/runners/generate-jitconfig")
        cases = [
            (("GET", f"{ORGANISATION}/runner"), 404, "there is no such operation"),
            (("PATCH", f"{ORGANISATION}/runners"), 404, "there is no such operation"),
            (("GET", f"{ORGANISATION}/runners?names=one"), 422, "query parameter names is unknown"),
            (("GET", f"{ORGANISATION}/runners?per_page=many"), 422, "query parameter per_page is not of type integer"),
            (("DELETE", f"{ORGANISATION}/runners/one"), 422, "path parameter runner_id is not of type integer"),
            (("POST", f"{ORGANISATION}/runners/registration-token", {"name": "one"}), 422, "it takes no body"),
            (("PUT", f"{ORGANISATION}/runners/7/labels"), 422, "body.labels is missing"),
            ((*post, {**good, "label": "one"}), 422, "body.label is unknown"),
            ((*post, {**good, "runner_group_id": "1"}), 422, "body.runner_group_id is not of type integer"),
            ((*post, {**good, "labels": []}), 422, "body.labels has 0 items"),
            ((*post, {**good, "labels": [1]}), 422, "body.labels[0] is not of type string"),
            (("POST", f"{ORGANISATION}/runner-groups", {"name": "one", "visibility": "public"}), 422, "body.visibility is none of"),
        ]
        for request, status, words in cases:
            with self.subTest(words):
                before = len(self.state()["faults"])
                self.assertEqual(self.api(*request)[0], status)
                faults = self.state()["faults"][before:]
                self.assertEqual(len(faults), 1, faults)
                self.assertIn(words, faults[0])

    def test_an_answer_that_is_not_described_is_a_fault(self):
        runner = self.just_in_time(ORGANISATION, "runner-1")[1]["runner"]
        place = {"place": "orgs/acme"}
        cases = [
            ({**runner, **place, "id": "one"}, "answer.runners[0].id is not of type integer"),
            ({**runner, **place, "version": None, "since": "today"}, "answer.runners[0].since is unknown"),
            ({**{key: runner[key] for key in runner if key != "busy"}, **place}, "answer.runners[0].busy is missing"),
            ({**runner, **place, "labels": [{"name": "one", "type": "own"}]}, "answer.runners[0].labels[0].type is none of"),
        ]
        for told, words in cases:
            with self.subTest(words):
                self.state({"runners": [told], "faults": []})
                self.assertEqual(self.api("GET", f"{ORGANISATION}/runners")[0], 500)
                self.assertIn(words, " ".join(self.state()["faults"]))


class Description(unittest.TestCase):
    def test_a_status_that_is_not_described_is_a_fault(self):
        operation = next(one for one in description.operations() if one.name == "actions/create-registration-token-for-org")
        token = {"token": "one", "expires_at": "2030-01-01T00:00:00.000Z"}
        self.assertEqual(list(operation.answer_faults(201, token)), [])
        self.assertEqual(list(operation.answer_faults(200, token)), ["status 200 is unknown"])
        self.assertEqual(list(operation.answer_faults(404, {"error": "one"})), ["answer.message is missing", "answer.error is unknown"])

    def test_an_answer_without_a_body_has_none(self):
        operation = next(one for one in description.operations() if one.name == "actions/delete-self-hosted-runner-from-org")
        self.assertEqual(list(operation.answer_faults(204, None)), [])
        self.assertEqual(list(operation.answer_faults(204, {})), ["an answer of status 204 has no body"])
