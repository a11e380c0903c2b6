//! A TCP connection that can be cut and silenced: a small proxy on the loopback address.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The way from one process to one server.
pub(crate) struct Link {
    port: u16,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// How often the way was cut; connections from before are gone.
    cuts: u64,
    /// Nothing passes, in either direction; what was sent arrives afterwards.
    is_silent: bool,
}

impl Link {
    /// Listens on a free port and passes everything on to `target`.
    pub(crate) async fn to(target: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen for a link")?;
        let port = listener.local_addr().context("read a link's port")?.port();
        let (state, watched) = watch::channel(State::default());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, target, watched.clone()));
            }
        });
        Ok(Self { port, state })
    }

    /// Where to connect to instead of the target.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection; new ones are fine.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Lets nothing pass, or everything again.
    pub(crate) fn silence(&self, is_silent: bool) {
        self.state.send_modify(|state| state.is_silent = is_silent);
    }
}

async fn carry(near: TcpStream, target: u16, mut state: watch::Receiver<State>) {
    let born = state.borrow().cuts;
    // Whoever connects into the silence waits, as across a network that has failed.
    if state.wait_for(|state| !state.is_silent).await.is_err() {
        return;
    }
    // Dropping the near end tells the process that nobody is there.
    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    let (Ok(()), Ok(())) = (near.set_nodelay(true), far.set_nodelay(true)) else { return };
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    // When either direction ends, both are dropped.
    tokio::select! {
        () = pump(near_in, far_out, state.clone(), born) => {}
        () = pump(far_in, near_out, state.clone(), born) => {}
        _ = state.wait_for(|state| state.cuts != born) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>, born: u64) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        let passes = |state: &State| !state.is_silent || state.cuts != born;
        if state.wait_for(passes).await.is_err() || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut from, mut to) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        port
    }

    async fn say(stream: &mut TcpStream, word: &[u8; 4]) -> std::io::Result<[u8; 4]> {
        stream.write_all(word).await?;
        let mut heard = [0; 4];
        stream.read_exact(&mut heard).await?;
        Ok(heard)
    }

    #[tokio::test]
    async fn a_link_passes_on_is_silent_and_is_cut() {
        let link = Link::to(echo().await).await.unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).await.unwrap();
        assert_eq!(say(&mut stream, b"ping").await.unwrap(), *b"ping");

        link.silence(true);
        stream.write_all(b"late").await.unwrap();
        let mut heard = [0; 4];
        assert!(timeout(Duration::from_millis(100), stream.read_exact(&mut heard)).await.is_err());
        link.silence(false);
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, *b"late");

        link.cut();
        assert!(say(&mut stream, b"gone").await.is_err());
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).await.unwrap();
        assert_eq!(say(&mut stream, b"back").await.unwrap(), *b"back");
    }
}
