"""The shipped inventories, as Ansible reads them.

usage: python3 -m unittest test_inventories   (in this folder)
"""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ANSIBLE = Path(__file__).parent.parent


def runners(environment):
    """Variables of the runners of an environment, the primary's first."""
    with tempfile.TemporaryDirectory() as home:
        said = subprocess.run(
            ["ansible-inventory", "--list", "-i", f"inventories/{environment}"],
            cwd=ANSIBLE, env={**os.environ, "HOME": home}, stdout=subprocess.PIPE, check=True,
        ).stdout
    told = json.loads(said)
    hosts = [host for role in ("primary", "secondary") for host in told[f"github_runners_{environment}_{role}"]["hosts"]]
    return [told["_meta"]["hostvars"][host] for host in hosts]


class Inventories(unittest.TestCase):
    def test_the_runners_of_an_environment_have_its_label_and_group_and_no_other(self):
        for environment in ("production", "staging"):
            for runner in runners(environment):
                self.assertEqual(runner["github_runner_labels"], [environment])
                self.assertEqual(runner["github_runner_group"], environment)
                self.assertEqual(runner["github_runner_environment"], environment)

    def test_an_environment_has_a_primary_and_a_secondary(self):
        for environment in ("production", "staging"):
            self.assertEqual([runner["github_runner_role"] for runner in runners(environment)], ["primary", "secondary"])

    def test_the_archive_is_pinned_for_both_architectures(self):
        for environment in ("production", "staging"):
            for runner in runners(environment):
                self.assertRegex(runner["github_runner_version"], r"^\d+\.\d+\.\d+$")
                self.assertEqual(set(runner["github_runner_sha256"]), {"x64", "arm64"})
                for checksum in runner["github_runner_sha256"].values():
                    self.assertTrue(re.fullmatch("[0-9a-f]{64}", checksum), checksum)
