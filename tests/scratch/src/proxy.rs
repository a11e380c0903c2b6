//! A way to a server that can be cut, swallow what is sent, and be mended.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the network does with what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Carries it.
    Whole,
    /// Resets all connections, and new ones at once.
    Cut,
    /// Keeps all connections open, and new ones, and carries nothing until it is whole; what was sent
    /// meanwhile arrives then, late.
    Stalled,
    /// The same, but has forgotten these connections when it is whole: they are silent for ever.
    Swallowing,
}

/// Forwards to one server; everything ends with this value.
pub struct Proxy {
    network: watch::Sender<Network>,
}

impl Proxy {
    /// Listens on a port of its own for the server that the URL names; answers with the URL that leads
    /// through here.
    pub async fn before(url: &str) -> (Self, String) {
        let (_, rest) = url.split_once("://").unwrap();
        let rest = rest.rsplit_once('@').map_or(rest, |(_, server)| server);
        let server = rest.split_once('/').map_or(rest, |(server, _)| server);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (network, state) = watch::channel(Network::Whole);
        tokio::spawn(accept(listener, server.to_owned(), state));
        (Self { network }, url.replace(server, &address.to_string()))
    }

    /// From now on the network does this.
    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

async fn accept(listener: TcpListener, server: String, mut network: watch::Receiver<Network>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (client, _) = accepted.unwrap();
                tokio::spawn(carry(client, server.clone(), network.clone()));
            }
            changed = network.changed() => if changed.is_err() { return },
        }
    }
}

/// Carries bytes both ways until an end closes, or the network does what it does.
async fn carry(mut client: TcpStream, server: String, mut network: watch::Receiver<Network>) {
    let state = wait(&mut network, Network::Stalled).await;
    if state != Some(Network::Whole) {
        return lose(&[client], state, network).await;
    }
    // A server that is away shows by the end of the client's connection.
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let (forth, back) = (network.clone(), network.clone());
    let lost = tokio::select! {
        () = pass_on(from_client, to_server, forth) => return,
        () = pass_on(from_server, to_client, back) => return,
        state = network.wait_for(|state| matches!(state, Network::Cut | Network::Swallowing)) => {
            state.ok().map(|state| *state)
        }
    };
    lose(&[client, server], lost, network).await;
}

/// Loses connections the way the network does.
async fn lose(connections: &[TcpStream], state: Option<Network>, mut network: watch::Receiver<Network>) {
    match state {
        Some(Network::Cut) => {
            for connection in connections {
                // Closed with a reset.
                connection.set_zero_linger().unwrap();
            }
        }
        Some(Network::Swallowing) => {
            // Open until the value ends.
            while network.changed().await.is_ok() {}
        }
        Some(Network::Whole | Network::Stalled) | None => {}
    }
}

async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut network: watch::Receiver<Network>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(n_read @ 1..) = from.read(&mut bytes).await {
        if wait(&mut network, Network::Stalled).await.is_none()
            || to.write_all(&bytes[..n_read]).await.is_err()
        {
            return;
        }
    }
    // The end of a connection does not get through either.
    wait(&mut network, Network::Stalled).await;
}

/// Waits while the network is like this; `None` when its value has ended.
async fn wait(network: &mut watch::Receiver<Network>, meanwhile: Network) -> Option<Network> {
    network.wait_for(|state| *state != meanwhile).await.ok().map(|state| *state)
}
