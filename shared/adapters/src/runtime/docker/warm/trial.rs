//! Whether this engine lets a published port pass from one running container to another, tried with two that are
//! thrown away: not every engine does.
//!
//! What runs in them is Slipway's own listener, so nothing of the application runs, and nothing need be in its image.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::super::connection::{CALL_LIMIT, within};
use super::super::moves::POLL_EVERY;
use super::super::swap::never;
use super::super::{Docker, label};
use super::listener::{self, PORT};

/// How long a connection may take to come about after a move.
const PATIENCE: Duration = Duration::from_secs(2);

/// One that leads nowhere is closed sooner.
const HOLD: Duration = Duration::from_millis(200);

/// Nobody at all: no image need know the account.
const NOBODY: &str = "65534:65534";

const OUT_OF_REACH: &str = "containers out of sight cannot be reached from here";
const IMMOVABLE: &str =
    "in a trial this engine did not let a published port pass from one running container to another";

impl Docker {
    /// Tries it with containers of this image, beside the promotion's internal network; why it cannot be done, if so.
    pub(super) async fn trial(&self, promotion: &str, image: &str) -> Result<Option<String>> {
        self.end_trial(promotion).await?;
        let verdict = self.run_trial(promotion, image).await;
        self.end_trial(promotion).await?;
        match verdict {
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the trial of a move failed");
                Ok(Some(IMMOVABLE.to_owned()))
            }
            verdict => verdict,
        }
    }

    /// Removes what the trial has used, if it is there.
    pub(super) async fn end_trial(&self, promotion: &str) -> Result<()> {
        for name in self.stand_ins(promotion) {
            if let Some(found) = self.named(&name).await? {
                self.discard(&found).await?;
            }
        }
        self.close(&self.trial_name(promotion)).await
    }

    async fn run_trial(&self, promotion: &str, image: &str) -> Result<Option<String>> {
        let version = within(CALL_LIMIT, self.engine.client()?.version()).await?;
        let machine = version.arch.unwrap_or_default();
        let Some(program) = listener::program(&machine) else {
            return Ok(Some(format!("it is not known how to try that on machines of the kind {machine}")));
        };
        let (open, hidden) = (self.trial_name(promotion), self.warm_name(promotion));
        self.open(&open, promotion, false).await?;
        let outside = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let [one, two] = self.stand_ins(promotion);
        let one = self.stand_in(&one, image, &open, outside.port(), &program).await?;
        let two = self.stand_in(&two, image, &hidden, outside.port(), &program).await?;
        if !leads_somewhere(self.inside(&two, &hidden).await?).await || !leads_somewhere(outside).await {
            return Ok(Some(OUT_OF_REACH.to_owned()));
        }
        self.leave(&one, &open).await?;
        let is_free = TcpStream::connect(outside).await.is_err();
        self.join(&two, &open, &Value::Null).await?;
        self.leave(&two, &hidden).await?;
        let goes_forth = is_free && leads_somewhere(outside).await;
        self.leave(&two, &open).await?;
        self.join(&one, &open, &Value::Null).await?;
        let goes_back = leads_somewhere(outside).await;
        Ok((!goes_forth || !goes_back).then(|| IMMOVABLE.to_owned()))
    }

    /// Starts a container on the network that does nothing but listen, for this port of the loopback address.
    async fn stand_in(
        &self,
        name: &str,
        image: &str,
        network: &str,
        port: u16,
        program: &[u8],
    ) -> Result<String> {
        let inside = format!("{PORT}/tcp");
        let request = json!({
            "Image": image,
            "Entrypoint": [listener::PATH],
            "User": NOBODY,
            "WorkingDir": "/",
            "Healthcheck": { "Test": ["NONE"] },
            "ExposedPorts": { inside.as_str(): {} },
            "Labels": { label::INSTALLATION: self.settings.container },
            "HostConfig": {
                "NetworkMode": network,
                "PortBindings": { inside: [{ "HostIp": "127.0.0.1", "HostPort": port.to_string() }] },
                "RestartPolicy": never(),
            },
        });
        let created = self.engine.post(&format!("/containers/create?name={name}"), &request).await?;
        let id = created["Id"].as_str().context("the engine created a container without an id")?;
        self.engine.put(&format!("/containers/{id}/archive?path=/"), listener::archive(program)?).await?;
        self.start(id).await?;
        Ok(id.to_owned())
    }

    /// Where the listener is reached on the network.
    async fn inside(&self, id: &str, network: &str) -> Result<SocketAddr> {
        let container = self.container(id).await?.context("a container of the trial is gone")?;
        let address = container.address(network).context("a container of the trial has no address")?;
        Ok(SocketAddr::new(address, PORT))
    }

    fn stand_ins(&self, promotion: &str) -> [String; 2] {
        ["one", "two"].map(|which| format!("{}-{which}", self.trial_name(promotion)))
    }
}

/// A port that nobody uses at this moment.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}

/// Whether a connection to this address comes about and lasts, now or soon.
async fn leads_somewhere(address: SocketAddr) -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Ok(Ok(mut stream)) = timeout(HOLD, TcpStream::connect(address)).await
            && timeout(HOLD, stream.read(&mut [0])).await.is_err()
        {
            return true;
        }
        sleep(POLL_EVERY).await;
    }
    false
}
