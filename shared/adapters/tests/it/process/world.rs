//! One application in a folder of its own, for one test.

use std::{
    collections::BTreeMap,
    fs,
    future::Future,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use adapters::runtime::{Instance, Process, ProcessSettings, Release, Runtime, Swap};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc::unbounded_channel,
    time::{Instant, sleep},
};

/// Far more than anything here takes on an idle machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What [`World::processes`] says when nothing runs.
pub(super) const NONE: [i32; 0] = [];

/// Everything that a test made; all of it is gone when this is dropped.
pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) process: Process,
    pub(super) runtime: Runtime,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|_settings| {})
    }

    pub(super) fn with(adjust: impl FnOnce(&mut ProcessSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        adjust(&mut settings);
        let process = Process::new(settings).unwrap();
        Self { folder, runtime: Runtime::Process(process.clone()), process }
    }

    pub(super) fn root(&self) -> PathBuf {
        fs::canonicalize(self.folder.path().join("root")).unwrap()
    }

    /// A source folder with these files.
    pub(super) fn source(&self, files: &[(&str, &str)]) -> PathBuf {
        let source = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        for (name, content) in files {
            fs::write(source.join(name), content).unwrap();
        }
        source
    }

    /// Installs a first version whose folder has these files.
    pub(super) async fn install(&self, files: &[(&str, &str)]) -> Instance {
        self.process.install(&self.source(files)).await.unwrap();
        self.runtime.live().await.unwrap().unwrap()
    }

    /// Builds and prepares the promotion from these files.
    pub(super) async fn prepare(&self, promotion: &str, files: &[(&str, &str)]) -> Swap {
        let release = release(promotion);
        let (log, _lines) = unbounded_channel();
        let source = self.source(files);
        let image = self.runtime.build(&release, &source, &log).await.unwrap();
        self.runtime.prepare(&release, &image).await.unwrap()
    }

    pub(super) async fn instance(&self, id: &str) -> Option<Instance> {
        self.runtime.instance(id).await.unwrap()
    }

    /// Name and state of whoever bears the application's name.
    pub(super) async fn live(&self) -> Option<(String, bool)> {
        let live = self.runtime.live().await.unwrap();
        live.map(|instance| (instance.id, instance.running))
    }

    /// What the instance's present process answers.
    pub(super) async fn ask(&self, id: &str, question: &str) -> String {
        let mut client = eventually("the application listens", || async {
            let output = self.runtime.last_output(id, 50).await.unwrap();
            let by = format!(" by {}", self.pid_of(id, "app")?);
            let mut lines = output.lines().filter_map(|line| line.strip_suffix(&by));
            let port = lines.find_map(|line| line.strip_prefix("listening on "))?;
            TcpStream::connect(format!("127.0.0.1:{port}")).await.ok()
        })
        .await;
        let line = format!("{question}\n");
        client.write_all(line.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// The pids of all processes that were started for this world.
    pub(super) fn processes(&self) -> Vec<i32> {
        processes_with(&format!("SLIPWAY_BELONGS_TO={}/", self.root().display()))
    }

    /// The pid that the instance's keeper wrote down last, of itself or of the application.
    pub(super) fn pid_of(&self, id: &str, who: &str) -> Option<i32> {
        let path = self.root().join("instances").join(id).join("state.json");
        let state: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        state[who]["pid"].as_i64()?.try_into().ok()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let process = self.process.clone();
        // A thread of its own, because a runtime cannot wait inside another.
        let down = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(process.down())
        });
        let ended = down.join().unwrap();
        // Releases are sealed, so the temporary folder could not remove itself.
        let mut unseal = Command::new("chmod");
        let unsealed = unseal.args(["-R", "u+w"]).arg(self.root()).status();
        assert!(unsealed.unwrap().success());
        if !thread::panicking() {
            ended.unwrap();
            assert_eq!(self.processes(), NONE, "processes left behind");
        }
    }
}

pub(super) fn settings(folder: &Path) -> ProcessSettings {
    ProcessSettings {
        root: folder.join("root"),
        name: "portal".to_owned(),
        build: Vec::new(),
        run: vec![example("app").to_str().unwrap().to_owned()],
        migrate: Vec::new(),
        env: BTreeMap::from([("APP_SECRET".to_owned(), "opensesame".to_owned())]),
        stop_timeout_seconds: 20,
        restart: true,
        keeper: Some(example("keep")),
    }
}

pub(super) fn release(promotion: &str) -> Release {
    Release {
        promotion: promotion.to_owned(),
        build: "FB-00000001".to_owned(),
        source_hash: "ab12".to_owned(),
    }
}

/// An example program of this package, which `cargo test` builds beside the tests.
pub(super) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.exists(), "{name} is missing, build it with: cargo build -p adapters --examples");
    program
}

/// The pids of all processes that have this text in their environment.
pub(super) fn processes_with(text: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let bears = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(text)
    };
    pids.filter(bears).collect()
}

/// Whether the process runs; one that ended and was not waited for does not.
pub(super) fn is_running(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|it| !it.contains(") Z "))
}

/// Waits until `look` finds something.
pub(super) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
