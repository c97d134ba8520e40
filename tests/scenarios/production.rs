//! Production: a service, and the one way to bring it to another version, which leads through `fence-guard`.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use baton_tests::{Scene, binaries};
use serde_json::Value;
use test_servers::Process;

use crate::{service, watch::Watch};

/// How long the service may take to start.
const SOON: Duration = Duration::from_secs(60);

/// What it is at before the first scene.
pub(crate) const BEFORE: &str = "v41";

/// As docs/fence-guard.md shows it.
const DEPLOY_SHOP: &str = r#"#!/bin/sh
# deploy-shop TOKEN DEPLOYMENT VERSION RUNNER ACTOR: the only way to deploy here.
exec 'GUARD' --state 'FOLDER/production.json' \
    --token "$1" --deployment "$2" --version "$3" --runner "$4" --by "$5" \
    --step release -- 'FOLDER/release.sh' "$3"
"#;

/// It can be run again from any point. The writer stands for the work: it logs each moment of it under its token.
const RELEASE: &str = r#"#!/bin/sh
# release.sh VERSION: brings the new version beside the old one, switches, and lets the service read it.
set -eu
cd 'FOLDER'
"$WRITER" "$TARGET" "$BATON_FENCING_TOKEN" deploy "$RELEASE_SECONDS"
mkdir -p "releases/$1"
echo "$1" >"releases/$1/version"
ln -sfn "releases/$1" current.new
mv -T current.new current
kill -HUP "$(cat service.pid)"
"#;

/// Dropping it ends it.
pub(crate) struct Production {
    folder: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) watch: Watch,
    _service: Process,
}

impl Production {
    /// Starts it at [`BEFORE`], and somebody who watches it.
    pub(crate) fn start(scene: &Scene) -> Production {
        let folder = scene.folder().join("production");
        let release = folder.join("releases").join(BEFORE);
        fs::create_dir_all(&release).unwrap();
        fs::write(release.join("version"), BEFORE).unwrap();
        symlink(&release, folder.join("current")).unwrap();
        for (name, text) in [("deploy-shop", DEPLOY_SHOP), ("release.sh", RELEASE)] {
            let text = text
                .replace("FOLDER", &folder.display().to_string())
                .replace("GUARD", &binaries::fence_guard().display().to_string());
            fs::write(folder.join(name), text).unwrap();
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(folder.join(name), executable).unwrap();
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(service::ARGUMENT).arg(&folder);
        let mut service = Process::start(&mut command, &folder.join("service.log"));
        let mut port = None;
        service.await_ready(SOON, || {
            port = read(&folder.join("service.port")).parse().ok();
            port.is_some()
        });
        let address = SocketAddr::from(([127, 0, 0, 1], port.unwrap()));
        Production {
            folder,
            address,
            watch: Watch::of(address),
            _service: service,
        }
    }

    /// The deploy command of a leg.
    pub(crate) fn command(&self) -> String {
        format!(
            "'{}' \"$BATON_FENCING_TOKEN\" \"$BATON_DEPLOYMENT_ID\" \"$BATON_VERSION\" \"$BATON_RUNNER\" \"$BATON_ACTOR\"",
            self.folder.join("deploy-shop").display()
        )
    }

    /// The gates behind a deployment of this version.
    pub(crate) fn gates(&self, version: &str) -> String {
        format!(
            "- name: shop\n  http:\n    url: http://{}/health\n    json: {{/status: healthy, /version: {version}}}\n",
            self.address
        )
    }

    /// What the guard says that production is at.
    pub(crate) fn state(&self) -> Value {
        let state = self.folder.join("production.json");
        let output = Command::new(binaries::fence_guard())
            .arg("--state")
            .arg(state)
            .args(["--status", "--json"])
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
