//! Host names to addresses without the C library.
//!
//! A statically linked program `FROM scratch` has no name service plug-ins, so glibc's own lookup fails there. This one
//! does what a container needs: literal addresses, `/etc/hosts`, then IPv4 addresses by DNS over UDP from the servers
//! in `/etc/resolv.conf` (Docker's own one answers for container aliases), first for the name itself, then with each
//! search domain. It does not cache, speak TCP or look for IPv6 addresses.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// The names and servers that a machine is set up with.
pub(crate) struct Resolver {
    hosts: String,
    servers: Vec<SocketAddr>,
    search: Vec<String>,
}

const DNS_PORT: u16 = 53;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// UDP loses packets; every server is asked this often.
const ATTEMPTS_MAX: usize = 2;
const TYPE_A: u16 = 1;
const CLASS_IN: u16 = 1;

impl Resolver {
    /// Reads `/etc/hosts` and `/etc/resolv.conf`; a missing file counts as an empty one.
    pub(crate) fn of_system() -> anyhow::Result<Self> {
        let hosts = read_if_there("/etc/hosts").context("read /etc/hosts")?;
        let resolv_conf = read_if_there("/etc/resolv.conf").context("read /etc/resolv.conf")?;
        Ok(Self::new(hosts, &resolv_conf))
    }

    fn new(hosts: String, resolv_conf: &str) -> Self {
        let mut servers = Vec::new();
        let mut search = Vec::new();
        for line in resolv_conf.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    servers.extend(
                        words
                            .filter_map(|word| word.parse::<IpAddr>().ok())
                            .map(|ip| SocketAddr::new(ip, DNS_PORT)),
                    );
                }
                Some("search" | "domain") => search = words.map(str::to_owned).collect(),
                _ => {}
            }
        }
        Self { hosts, servers, search }
    }

    /// The first address of `host`.
    ///
    /// # Errors
    /// Nobody knows the name, or no server answers.
    pub(crate) async fn lookup(&self, host: &str) -> anyhow::Result<IpAddr> {
        if let Ok(literal) = host.parse() {
            return Ok(literal);
        }
        if let Some(known) = self.lookup_in_hosts(host) {
            return Ok(known);
        }
        if host.eq_ignore_ascii_case("localhost") {
            return Ok(Ipv4Addr::LOCALHOST.into());
        }
        for name in self.candidates(host) {
            if let Some(address) = self.ask_servers(&name).await? {
                return Ok(address.into());
            }
        }
        anyhow::bail!("no host is called {host}")
    }

    fn lookup_in_hosts(&self, host: &str) -> Option<IpAddr> {
        self.hosts.lines().find_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|name| name.eq_ignore_ascii_case(host)).then_some(address)
        })
    }

    fn candidates(&self, host: &str) -> Vec<String> {
        if let Some(absolute) = host.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let mut names = vec![host.to_owned()];
        names.extend(self.search.iter().map(|domain| format!("{host}.{}", domain.trim_end_matches('.'))));
        names
    }

    /// The address that the first answering server has for `name`, `None` if it has none.
    async fn ask_servers(&self, name: &str) -> anyhow::Result<Option<Ipv4Addr>> {
        let mut problem = anyhow::anyhow!("/etc/resolv.conf names no server");
        for _ in 0..ATTEMPTS_MAX {
            for &server in &self.servers {
                match timeout(ANSWER_TIMEOUT, ask(server, name)).await {
                    Ok(Ok(answer)) => return Ok(answer),
                    Ok(Err(error)) => problem = error.into(),
                    Err(elapsed) => problem = elapsed.into(),
                }
            }
        }
        Err(problem).with_context(|| format!("look up the host {name}"))
    }
}

fn read_if_there(path: &str) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        text => text,
    }
}

async fn ask(server: SocketAddr, name: &str) -> io::Result<Option<Ipv4Addr>> {
    let any_port: SocketAddr =
        if server.is_ipv4() { ([0; 4], 0).into() } else { (std::net::Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any_port).await?;
    socket.connect(server).await?;
    let id = query_id();
    socket.send(&query(id, name)?).await?;
    let mut buffer = [0; 1500];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // Anything that does not answer this query may be a late or a forged packet; the right one can still come.
        if let Some(answer) = read_answer(&buffer[..length], id) {
            return answer;
        }
    }
}

/// A number that an outsider cannot guess, from the randomness that seeds the standard library's hash maps.
fn query_id() -> u16 {
    let [high, low, ..] = RandomState::new().hash_one(0).to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn query(id: u16, name: &str) -> io::Result<Vec<u8>> {
    const RECURSION_DESIRED: u16 = 0x0100;
    const ONE_QUESTION: u16 = 1;
    let mut packet = Vec::new();
    for number in [id, RECURSION_DESIRED, ONE_QUESTION, 0, 0, 0] {
        packet.extend(number.to_be_bytes());
    }
    for label in name.split('.') {
        match u8::try_from(label.len()) {
            Ok(length @ 1..=63) => packet.push(length),
            _ => {
                return Err(io::Error::new(ErrorKind::InvalidInput, "this is no host name"));
            }
        }
        packet.extend(label.bytes());
    }
    packet.push(0);
    packet.extend(TYPE_A.to_be_bytes());
    packet.extend(CLASS_IN.to_be_bytes());
    Ok(packet)
}

/// Reads a server's answer: an address, none, or a failure of the server. `None` if it is no answer to query `id`.
fn read_answer(packet: &[u8], id: u16) -> Option<io::Result<Option<Ipv4Addr>>> {
    const NO_SUCH_NAME: u16 = 3;
    let mut reader = Reader(packet);
    let is_ours = reader.number()? == id;
    let flags = reader.number()?;
    let is_answer = flags & 0x8000 != 0;
    if !(is_ours && is_answer) {
        return None;
    }
    match flags & 0x000f {
        0 => {}
        NO_SUCH_NAME => return Some(Ok(None)),
        code => {
            return Some(Err(io::Error::other(format!("the name server refused with code {code}"))));
        }
    }
    let n_questions = reader.number()?;
    let n_answers = reader.number()?;
    reader.bytes(4)?;
    for _ in 0..n_questions {
        reader.skip_name()?;
        reader.bytes(4)?;
    }
    for _ in 0..n_answers {
        // The server follows aliases by itself, so that the first address in the answer is the one wanted.
        if let Some(address) = reader.record()?.address() {
            return Some(Ok(Some(address)));
        }
    }
    Some(Ok(None))
}

/// Reads a packet from its start; every method answers `None` at its end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(bytes)
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.bytes(2)?.try_into().ok()?))
    }

    fn skip_name(&mut self) -> Option<()> {
        loop {
            match *self.bytes(1)?.first()? {
                0 => return Some(()),
                // A pointer to an earlier name, which ends this one.
                0xc0.. => return self.bytes(1).map(drop),
                length => self.bytes(length.into()).map(drop)?,
            }
        }
    }

    fn record(&mut self) -> Option<Record<'a>> {
        self.skip_name()?;
        let (kind, class) = (self.number()?, self.number()?);
        let _time_to_live = self.bytes(4)?;
        let length = self.number()?;
        let data = self.bytes(length.into())?;
        Some(Record { kind, class, data })
    }
}

/// One record of an answer, without its name.
struct Record<'a> {
    kind: u16,
    class: u16,
    data: &'a [u8],
}

impl Record<'_> {
    fn address(&self) -> Option<Ipv4Addr> {
        let octets = <[u8; 4]>::try_from(self.data).ok()?;
        (self.kind == TYPE_A && self.class == CLASS_IN).then(|| octets.into())
    }
}

#[cfg(test)]
mod tests;
