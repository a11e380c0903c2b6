//! Free ports on the loopback address.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// `N` different ports that nobody listens on now.
pub fn free<const N: usize>() -> Result<[u16; N]> {
    // All are held until all are known, so that none is given twice.
    let mut listeners = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
        *port = listener.local_addr().context("read a free port")?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

/// Whether somebody accepts connections there.
pub fn is_open(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}
