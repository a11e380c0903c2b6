//! A feature is taken out of a real container that never ran.

use std::fs;
use std::process::Command;

use adapters::change_set::{Flaw, Kind, Limits, Sandbox, TakeError, take};

use super::sandbox::GitSandbox;

const MISSING: &str = "SLIPWAY_TEST_DOCKER_HOST names no Docker engine; start one with: cargo xtask test";

/// A container, made of a folder; removed with the value.
struct Container {
    host: String,
    id: String,
    image: String,
}

impl Container {
    fn of(sandbox: &GitSandbox) -> Self {
        let host = std::env::var("SLIPWAY_TEST_DOCKER_HOST").expect(MISSING);
        let archive = sandbox.outside("root.tar");
        let tree = sandbox.path("");
        let mut tar = Command::new("tar");
        tar.arg("-cf").arg(&archive).arg("-C");
        run(tar.arg(tree.parent().unwrap()).arg("tree"));
        let image = run(docker(&host).arg("import").arg(&archive));
        let id = run(docker(&host).args(["create", &image, "none"]));
        Self { host, id, image }
    }

    fn sandbox(&self, path: &str) -> Sandbox {
        Sandbox::Container { host: Some(self.host.clone()), id: self.id.clone(), path: path.to_owned() }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        run(docker(&self.host).args(["rm", "--force", &self.id]));
        run(docker(&self.host).args(["rmi", &self.image]));
    }
}

fn docker(host: &str) -> Command {
    let mut command = Command::new("docker");
    command.args(["--host", host]);
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_containers_feature_is_the_same_as_a_folders() {
    let sandbox = GitSandbox::new(&[("a", "1\n"), ("b", "1\n"), (".gitignore", "ignored/\n")]);
    sandbox
        .write("a", "2\n")
        .remove("b")
        .write("dir/ü b.sh", "x\n")
        .make_executable("dir/ü b.sh")
        .link("l", "a");
    sandbox.write("ignored/x", "x").link("ignored/abs", "/etc/passwd");
    fs::hard_link(sandbox.path("a"), sandbox.path("hard")).unwrap();
    let folders = sandbox.take(None).await.unwrap();
    let container = Container::of(&sandbox);
    let into = sandbox.outside("out/of-container");

    let set = take(&container.sandbox("/tree"), None, &Limits::default(), &into).await.unwrap();

    assert_eq!((&set.changes, &set.hash), (&folders.changes, &folders.hash));
    assert!(set.changes.iter().any(|change| change.path == "hard" && change.kind == Kind::Added));
    let limits = Limits { sandbox_bytes: 1024, ..Limits::default() };
    let result = take(&container.sandbox("/tree"), None, &limits, &sandbox.outside("out/limited")).await;
    assert!(matches!(result, Err(TakeError::Refused { flaw: Flaw::TotalLarge(1024), .. })), "{result:?}");
    for path in ["/none", "relative", "/tree/a"] {
        let result =
            take(&container.sandbox(path), None, &Limits::default(), &sandbox.outside("out/none")).await;
        assert!(
            matches!(result, Err(TakeError::Unusable(_) | TakeError::Unavailable(_))),
            "{path}: {result:?}"
        );
    }
}

#[tokio::test]
async fn a_container_that_is_gone_or_cannot_exist_is_refused() {
    let host = std::env::var("SLIPWAY_TEST_DOCKER_HOST").expect(MISSING);
    let scratch = tempfile::tempdir().unwrap();
    for id in ["slipway-no-such-container", "../images", "a/../../x", "", "-x"] {
        let sandbox =
            Sandbox::Container { host: Some(host.clone()), id: id.into(), path: "/workspace".into() };
        let result = take(&sandbox, None, &Limits::default(), &scratch.path().join("sealed")).await;
        assert!(matches!(result, Err(TakeError::Unusable(_))), "{id}: {result:?}");
    }
}
