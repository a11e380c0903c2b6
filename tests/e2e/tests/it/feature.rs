//! A finished feature in its sandbox, and the message that asks to ship it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::database::random_word;
use crate::program::{portal, succeed};
use crate::shop::Shop;

/// A feature that waits to be shipped to one shop; its files go with the shop's.
pub(crate) struct Feature {
    pub(crate) build: String,
    pub(crate) sandbox: PathBuf,
    pub(crate) message: Value,
    file: PathBuf,
}

impl Feature {
    /// Does a developer's work: a git work tree with the feature in it, not committed.
    pub(crate) async fn develop(shop: &Shop, name: &str) -> Self {
        let feature = Self::begin(shop, name, &[]).await;
        portal(&["feature", name], &feature.sandbox).await;
        feature
    }

    /// The same with a feature that is not in the book: these files, `None` for one that goes. It is built on
    /// the source with the features `on` in it.
    pub(crate) async fn write(shop: &Shop, name: &str, on: &[&str], files: &[(&str, Option<&str>)]) -> Self {
        let feature = Self::begin(shop, name, on).await;
        for (path, text) in files {
            let path = feature.sandbox.join(path);
            match text {
                Some(text) => std::fs::write(path, text).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
        }
        feature
    }

    async fn begin(shop: &Shop, name: &str, on: &[&str]) -> Self {
        let build = format!("FB-{}", random_word().to_uppercase());
        let sandbox = shop.folder().join("sandboxes").join(&build);
        portal(&["unpack"], &sandbox).await;
        for feature in on {
            portal(&["feature", feature], &sandbox).await;
        }
        git(&sandbox, &["init", "--quiet"]).await;
        git(&sandbox, &["add", "--all"]).await;
        let identity = ["-c", "user.name=Dev", "-c", "user.email=dev@example.com"];
        git(&sandbox, &[&identity[..], &["commit", "--quiet", "--message", "Base"]].concat()).await;
        let message = json!({
            "specversion": "1.0",
            "type": "slipway.ship.requested.v1",
            "id": uuid::Uuid::new_v4(),
            "source": "/build-studio",
            "data": {
                "build": build,
                "title": format!("The feature {name}"),
                "installation": shop.name(),
                "sandbox": { "directory": sandbox },
                "requested_by": "build-studio",
            },
        });
        let file = shop.folder().join(format!("{build}.json"));
        Self { build, sandbox, message, file }
    }

    /// The message's own id.
    pub(crate) fn message_id(&self) -> &str {
        self.message["id"].as_str().unwrap()
    }

    /// The message in a file, as it stands now.
    pub(crate) fn save(&self) -> &str {
        std::fs::write(&self.file, self.message.to_string()).unwrap();
        self.file.to_str().unwrap()
    }
}

/// What git prints in a work tree.
pub(crate) async fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = succeed(Command::new("git").arg("-C").arg(folder).args(arguments)).await;
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
