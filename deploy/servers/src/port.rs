//! Free ports on the loopback address.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result};

/// Where ports are looked for: below those that the kernel gives to outgoing connections, so that nobody's
/// connection takes the port of a server that is away for a while.
const RANGE: Range<u16> = 10_000..32_768;

/// How many ports are tried before it is given up.
const TRIES_MAX: usize = 1_000;

/// `N` different ports that nobody listens on now.
pub fn free<const N: usize>() -> Result<[u16; N]> {
    // All are held until all are known, so that none is given twice.
    let mut listeners = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let found = (0..TRIES_MAX).find_map(|_| {
            let port = fastrand::u16(RANGE);
            Some((port, TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?))
        });
        let (found, listener) = found.context("find a free port")?;
        *port = found;
        listeners.push(listener);
    }
    Ok(ports)
}

/// Whether somebody accepts connections there.
pub fn is_open(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}
