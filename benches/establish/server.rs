//! Those who are connected to.

use socket2::{Domain, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Accepts on a thread of its own, and keeps each connection until its peer is gone.
pub(crate) fn one_by_one() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut accepted in listener.incoming().flatten() {
            // The peer resets; whatever this says, the connection is over.
            let _ = accepted.read(&mut [0]);
        }
    });
    Ok(address)
}

/// Accepts on a thread of its own as fast as it can; a connection is dropped when 512 others have come, long after its
/// peer has reset it.
pub(crate) fn many() -> io::Result<SocketAddr> {
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    thread::spawn(move || keep_some(&listener));
    Ok(address)
}

/// With room for connections that are gone before they were accepted: a queue that is full drops the next ones' first
/// packets, and they come again a second later.
fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    socket.bind(&at.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

fn keep_some(listener: &TcpListener) {
    let mut kept = VecDeque::new();
    for accepted in listener.incoming().flatten() {
        kept.push_back(accepted);
        if kept.len() > 512 {
            kept.pop_front();
        }
    }
}

/// What the two families of one port do; closed when it is dropped, but for a thread that accepts.
pub(crate) struct Dual {
    pub(crate) port: u16,
    _v6: Option<Socket>,
    _waiting: Vec<TcpStream>,
}

/// What IPv6 does; IPv4 always accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ipv6 {
    Good,
    Refused,
    Silent,
}

impl Dual {
    pub(crate) fn new(ipv6: Ipv6) -> io::Result<Self> {
        let mut tries = 32;
        loop {
            let v4 = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let port = v4.local_addr()?.port();
            let v6 = Socket::new(Domain::IPV6, Type::STREAM, None)?;
            v6.set_only_v6(true)?;
            let same = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
            match v6.bind(&same.into()) {
                Ok(()) => return Self::of(ipv6, port, v4, v6),
                Err(error) if tries == 0 => return Err(error),
                Err(_) => tries -= 1,
            }
        }
    }

    fn of(ipv6: Ipv6, port: u16, v4: TcpListener, v6: Socket) -> io::Result<Self> {
        thread::spawn(move || keep_some(&v4));
        let mut waiting = Vec::new();
        match ipv6 {
            Ipv6::Refused => {}
            Ipv6::Good => {
                v6.listen(4096)?;
                let v6 = TcpListener::from(v6);
                thread::spawn(move || keep_some(&v6));
                return Ok(Self { port, _v6: None, _waiting: waiting });
            }
            Ipv6::Silent => {
                v6.listen(0)?;
                let address = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
                while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
                    waiting.push(stream);
                }
            }
        }
        Ok(Self { port, _v6: Some(v6), _waiting: waiting })
    }
}
