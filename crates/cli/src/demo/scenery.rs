//! Addresses on loopback where no connection can be made.

use super::expect::Wrong;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// Any address of loopback.
pub(super) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Nobody listens here, and nobody else can: the port is taken.
#[derive(Debug)]
pub(super) struct Refusing {
    pub(super) address: SocketAddr,
    _socket: TcpSocket,
}

impl Refusing {
    pub(super) fn new() -> Result<Self, Wrong> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(LOOPBACK)?;
        Ok(Self { address: socket.local_addr()?, _socket: socket })
    }
}

/// Somebody listens here and never accepts, and there is no room to wait: nothing is answered.
#[derive(Debug)]
pub(super) struct Silent {
    pub(super) address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Silent {
    pub(super) async fn new() -> Result<Self, Wrong> {
        /// More than any system lets wait where it was told that none may.
        const MOST: usize = 64;
        /// On loopback an answer takes less, if there is one.
        const PATIENCE: Duration = Duration::from_millis(100);

        let socket = TcpSocket::new_v4()?;
        socket.bind(LOOPBACK)?;
        let listener = socket.listen(0)?;
        let address = listener.local_addr()?;
        let mut waiting = Vec::new();
        while waiting.len() < MOST {
            match timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(connected) => waiting.push(connected?),
                Err(_) => return Ok(Self { address, _listener: listener, _waiting: waiting }),
            }
        }
        Err(format!("{MOST} connections wait at {address}, where none should").into())
    }
}
