//! A way to `RabbitMQ` that can be cut, silenced and restored, that can raise a memory alarm, and that can cancel a
//! consumer behind its client's back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

/// AMQP frames on channel 0: connection.blocked("low on memory") and connection.unblocked.
const BLOCKED: &[u8] = b"\x01\x00\x00\x00\x00\x00\x12\x00\x0a\x00\x3c\x0dlow on memory\xce";
const UNBLOCKED: &[u8] = b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x3d\xce";

/// Class and method of basic.consume-ok, and of basic.cancel.
const CONSUME_OK: &[u8] = &[0, 60, 0, 21];
const CANCEL: &[u8] = &[0, 60, 0, 30];
/// A frame's type, channel and size stand before its method.
const FRAME_HEAD: usize = 7;

/// What happens on the way.
#[derive(Clone)]
struct Way {
    is_open: Arc<AtomicBool>,
    /// Cancelled to cut the connections of the moment.
    cut: Arc<std::sync::Mutex<CancellationToken>>,
    /// How many connections, counted from the first, hear nothing more.
    silenced: watch::Sender<u32>,
    /// The client's ends of publishing connections; whoever carries a connection owns its end.
    publishing: Arc<Mutex<Vec<Weak<End>>>>,
    consumers: Arc<Mutex<Vec<Consumer>>>,
}

/// A consumer that the server knows of.
struct Consumer {
    server: Weak<End>,
    /// The frame that cancels it without an answer.
    cancel: Vec<u8>,
}

type End = Mutex<OwnedWriteHalf>;

pub(crate) struct Proxy {
    pub(crate) url: String,
    way: Way,
}

impl Proxy {
    /// Listens on a port of its own and forwards to the server of an `amqp://` URL.
    pub(crate) async fn start(amqp_url: &str) -> Self {
        let (start, rest) = amqp_url.split_once('@').expect("a user in the URL");
        let (server, vhost) = rest.split_once('/').expect("a virtual host in the URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let way = Way {
            is_open: Arc::new(AtomicBool::new(true)),
            cut: Arc::default(),
            silenced: watch::Sender::new(0),
            publishing: Arc::default(),
            consumers: Arc::default(),
        };
        tokio::spawn(accept(listener, server.to_owned(), way.clone()));
        Self { url: format!("{start}@{address}/{vhost}"), way }
    }

    /// Ends all connections and lets no new one through.
    pub(crate) fn cut(&self) {
        self.way.is_open.store(false, Ordering::SeqCst);
        let mut cut = self.way.cut.lock().unwrap();
        std::mem::take(&mut *cut).cancel();
    }

    pub(crate) fn restore(&self) {
        self.way.is_open.store(true, Ordering::SeqCst);
    }

    /// Leaves the connections of the moment open but carries nothing on them any more.
    pub(crate) fn silence_first(&self, n_connections: u32) {
        self.way.silenced.send_replace(n_connections);
    }

    /// Tells the publishing connections what `RabbitMQ` tells them in a memory alarm, or at its end.
    pub(crate) async fn set_memory_alarm(&self, is_on: bool) {
        let frame = if is_on { BLOCKED } else { UNBLOCKED };
        let publishing = self.way.publishing.lock().await;
        for client in publishing.iter().filter_map(Weak::upgrade) {
            client.lock().await.write_all(frame).await.unwrap();
        }
    }

    /// Cancels every consumer of the moment at the server; the clients are told nothing.
    pub(crate) async fn cancel_consumers(&self) {
        for consumer in self.way.consumers.lock().await.drain(..) {
            if let Some(server) = consumer.server.upgrade() {
                server.lock().await.write_all(&consumer.cancel).await.unwrap();
            }
        }
    }
}

async fn accept(listener: TcpListener, server: String, way: Way) {
    let mut n_connections = 0;
    while let Ok((client, _)) = listener.accept().await {
        if !way.is_open.load(Ordering::SeqCst) {
            continue;
        }
        let upstream = TcpStream::connect(&server).await.unwrap();
        n_connections += 1;
        let cut = way.cut.lock().unwrap().clone();
        let carried = carry(client, upstream, n_connections, way.clone());
        tokio::spawn(async move { cut.run_until_cancelled(carried).await });
    }
}

/// Carries bytes both ways until an end closes.
async fn carry(client: TcpStream, server: TcpStream, number: u32, way: Way) {
    let (mut from_client, to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let (to_client, to_server) = (Arc::new(Mutex::new(to_client)), Arc::new(Mutex::new(to_server)));
    let silenced = way.silenced.subscribe();
    let forth = async {
        while let Some(bytes) = read(&mut from_client).await {
            if bytes.windows(12).any(|text| text == b"(publishing)") {
                way.publishing.lock().await.push(Arc::downgrade(&to_client));
            }
            hold_if_silenced(&silenced, number).await;
            write(&mut *to_server.lock().await, &bytes).await;
        }
    };
    let back = async {
        while let Some(bytes) = read(&mut from_server).await {
            let known = |cancel| Consumer { server: Arc::downgrade(&to_server), cancel };
            way.consumers.lock().await.extend(cancels(&bytes).into_iter().map(known));
            hold_if_silenced(&silenced, number).await;
            write(&mut *to_client.lock().await, &bytes).await;
        }
    };
    tokio::select! {
        () = forth => {}
        () = back => {}
    }
}

/// For each consumer that the server has just confirmed, the frame that cancels it without an answer.
fn cancels(bytes: &[u8]) -> Vec<Vec<u8>> {
    let confirmed = |at: &usize| *at >= FRAME_HEAD && bytes[*at..].starts_with(CONSUME_OK);
    (0..bytes.len())
        .filter(confirmed)
        .map(|at| {
            let channel = &bytes[at - FRAME_HEAD + 1..at - FRAME_HEAD + 3];
            let tag = &bytes[at + CONSUME_OK.len()..];
            let tag = &tag[..=usize::from(tag[0])];
            let payload = [CANCEL, tag, &[1]].concat();
            let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
            [&[1], channel, &size, &payload, &[0xce]].concat()
        })
        .collect()
}

async fn hold_if_silenced(silenced: &watch::Receiver<u32>, number: u32) {
    if *silenced.borrow() >= number {
        std::future::pending::<()>().await;
    }
}

async fn read(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 16 * 1024];
    let n_read = from.read(&mut bytes).await.ok().filter(|&n| n > 0)?;
    bytes.truncate(n_read);
    Some(bytes)
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    // An end that is gone shows at the next read.
    to.write_all(bytes).await.ok();
}
