#!/usr/bin/env python3
"""A stand-in for Grafana: the part of its HTTP API that the playbooks use, and boards that are provisioned by file. Answers as
https://grafana.com/docs/grafana/latest/developers/http_api/ says. For tests alone.

usage: grafana.py PORT PROVISIONING TOKEN-FILE

Providers are read at the start, their boards again with each request. Tests ask /test for what was sent, and empty it by DELETE.
"""

import glob
import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PORT, PROVISIONING, TOKEN_FILE = sys.argv[1:]
with open(TOKEN_FILE, encoding="utf-8") as file:
    TOKEN = file.read().strip()

lock = threading.Lock()
folders = {}
boards = {}
sent = []


def providers():
    found = []
    for name in sorted(glob.glob(os.path.join(PROVISIONING, "dashboards", "*.yaml"))):
        with open(name, encoding="utf-8") as provider:
            text = provider.read()
        found.append(tuple(re.search(rf"^ *{key}: (.+)$", text, re.M)[1] for key in ("path", "folder")))
    return found


PROVIDERS = providers()


def slug(title):
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def folder_answer(folder):
    return {**folder, "url": f"/dashboards/f/{folder['uid']}/{slug(folder['title'])}", "hasAcl": False, "canSave": True, "canEdit": True,
            "canAdmin": True, "createdBy": "admin", "updatedBy": "admin", "version": 1}


def make_folder(uid, title):
    folders[uid] = {"id": 100 + len(folders), "uid": uid, "title": title}
    return folders[uid]


def save(board, folder, provisioned):
    """The board as it is kept: number and version are Grafana's own."""
    old = boards.get(board["uid"])
    if old and provisioned and {**old["dashboard"], "id": 0, "version": 0} == {**board, "id": 0, "version": 0}:
        return old
    kept = {**board, "id": old["dashboard"]["id"] if old else 200 + len(boards), "version": old["dashboard"]["version"] + 1 if old else 1}
    boards[board["uid"]] = {"dashboard": kept, "folder": folder, "provisioned": provisioned}
    return boards[board["uid"]]


def read_provisioned():
    seen = set()
    for path, title in PROVIDERS:
        folder = next((one["uid"] for one in folders.values() if one["title"] == title), None) or make_folder(f"file-{slug(title)}", title)["uid"]
        for name in sorted(glob.glob(os.path.join(path, "*.json"))):
            with open(name, encoding="utf-8") as file:
                board = json.load(file)
            save(board, folder, True)
            seen.add(board["uid"])
    for uid in [uid for uid, one in boards.items() if one["provisioned"] and uid not in seen]:
        del boards[uid]


class Grafana(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def handle_one(self):
        place = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with lock:
            read_provisioned()
            if place.path == "/test":
                if self.command == "DELETE":
                    folders.clear()
                    boards.clear()
                return self.answer(200, {"sent": sent, "folders": folders, "boards": boards})
            if place.path == "/api/health":
                return self.answer(200, {"commit": "none", "database": "ok", "version": "11.0.0"})
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self.answer(401, {"message": "Invalid API key"})
            try:
                body = json.loads(text) if text else {}
            except ValueError:
                return self.answer(400, {"message": "bad request data"})
            return self.api(place.path, body)

    do_GET = do_POST = do_DELETE = handle_one

    def api(self, path, body):
        if self.command == "POST":
            sent.append(path)
        if self.command == "POST" and path == "/api/folders":
            if not body.get("title"):
                return self.answer(400, {"message": "folder title cannot be empty"})
            if body.get("uid") in folders or any(one["title"] == body["title"] for one in folders.values()):
                return self.answer(409, {"message": "a folder with the same name already exists in the current location"})
            return self.answer(200, folder_answer(make_folder(body.get("uid") or slug(body["title"]), body["title"])))
        if self.command == "POST" and path == "/api/dashboards/db":
            return self.save_board(body)
        if self.command != "GET":
            return self.answer(404, {"message": "Not found"})
        uid = path.rsplit("/", 1)[1]
        if path == f"/api/folders/{uid}":
            if uid not in folders:
                return self.answer(404, {"message": "folder not found", "status": "not-found"})
            return self.answer(200, folder_answer(folders[uid]))
        if path == f"/api/dashboards/uid/{uid}":
            if uid not in boards:
                return self.answer(404, {"message": "Dashboard not found"})
            board, folder = boards[uid]["dashboard"], folders.get(boards[uid]["folder"], {"id": 0, "uid": "", "title": "General"})
            return self.answer(200, {"dashboard": board, "meta": {
                "isStarred": False, "url": f"/d/{uid}/{slug(board['title'])}", "slug": slug(board["title"]), "version": board["version"],
                "folderId": folder["id"], "folderUid": folder["uid"], "folderTitle": folder["title"], "provisioned": boards[uid]["provisioned"]}})
        return self.answer(404, {"message": "Not found"})

    def save_board(self, body):
        board = body.get("dashboard") or {}
        if not board.get("title"):
            return self.answer(400, {"message": "Dashboard title cannot be empty", "status": "empty-name"})
        if body.get("folderUid") and body["folderUid"] not in folders:
            return self.answer(400, {"message": "folder not found"})
        old = boards.get(board.get("uid"))
        if old and old["provisioned"]:
            return self.answer(400, {"message": "Cannot save provisioned dashboard"})
        if old and not body.get("overwrite"):
            if board.get("id") != old["dashboard"]["id"]:
                return self.answer(412, {"message": "A dashboard with the same uid already exists", "status": "name-exists"})
            if board.get("version") != old["dashboard"]["version"]:
                return self.answer(412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"})
        kept = save({**board, "uid": board.get("uid") or slug(board["title"])}, body.get("folderUid", ""), False)["dashboard"]
        return self.answer(200, {"id": kept["id"], "uid": kept["uid"], "url": f"/d/{kept['uid']}/{slug(kept['title'])}", "status": "success",
                                 "version": kept["version"], "slug": slug(kept["title"])})


ThreadingHTTPServer(("", int(PORT)), Grafana).serve_forever()
