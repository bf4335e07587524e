//! What the tests of the stacks have in common: real sockets on loopback, ports the system chooses, and a limit on
//! every wait.

use neatflow_core::{Candidate, CandidateId, Failure, Protocol, TransportProperties};
use neatflow_stacks::tcp::Tcp;
use neatflow_stacks::{Acceptor, Established, ListenOn, Progress, Stack, StreamWire, Wire};
use socket2::{Domain, Socket, Type};
use std::future::poll_fn;
use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::ReadBuf;

pub(crate) const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Waits no longer than a test should.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("took too long")
}

/// Whether this machine has the loopback address; says so when it has not.
pub(crate) fn has(address: IpAddr) -> bool {
    let has = std::net::TcpListener::bind((address, 0)).is_ok();
    if !has {
        eprintln!("SKIPPED: this machine has no {address}");
    }
    has
}

/// A port where nobody listens, and that nobody else is given as long as the socket lives. Others may bind to it if
/// they too are willing to share (`SO_REUSEADDR`).
pub(crate) fn vacant(address: IpAddr) -> (Socket, SocketAddr) {
    let any = SocketAddr::new(address, 0);
    let holder = Socket::new(Domain::for_address(any), Type::STREAM, None).unwrap();
    holder.set_reuse_address(true).unwrap();
    holder.bind(&any.into()).unwrap();
    let local = holder.local_addr().unwrap().as_socket().unwrap();
    (holder, local)
}

pub(crate) fn properties(edit: impl FnOnce(&mut TransportProperties)) -> Arc<TransportProperties> {
    let mut properties = TransportProperties::new();
    edit(&mut properties);
    Arc::new(properties)
}

pub(crate) fn candidate(remote: SocketAddr) -> Candidate {
    Candidate::new(CandidateId(0), Protocol::TCP, remote, properties(|_| ()))
}

pub(crate) async fn connect(candidate: &Candidate) -> Result<Established, Failure> {
    within(Tcp::new().connect(&candidate.clone().into(), Progress::ignored())).await
}

pub(crate) fn listen(on: &ListenOn) -> Box<dyn Acceptor> {
    Tcp::new().listen(on).unwrap()
}

pub(crate) fn listen_at(address: IpAddr) -> Box<dyn Acceptor> {
    listen(&ListenOn::new(SocketAddr::new(address, 0), properties(|_| ())))
}

pub(crate) async fn accept(acceptor: &mut Box<dyn Acceptor>) -> Established {
    within(poll_fn(|cx| acceptor.poll_accept(cx))).await.unwrap()
}

/// Both ends of a connection: who opened it, who accepted it.
pub(crate) async fn pair() -> (Box<dyn StreamWire>, Box<dyn StreamWire>) {
    pair_with(listen_at(V4), candidate).await
}

pub(crate) async fn pair_with(
    mut acceptor: Box<dyn Acceptor>,
    candidate: impl FnOnce(SocketAddr) -> Candidate,
) -> (Box<dyn StreamWire>, Box<dyn StreamWire>) {
    let candidate = candidate(acceptor.local());
    let (opened, accepted) = tokio::join!(connect(&candidate), accept(&mut acceptor));
    (stream(opened.unwrap().wire), stream(accepted.wire))
}

pub(crate) fn stream(wire: Wire) -> Box<dyn StreamWire> {
    match wire {
        Wire::Stream(stream) => stream,
        Wire::Messages(_) => panic!("TCP has no messages"),
    }
}

/// What one read gives; empty at the end.
pub(crate) async fn read(wire: &mut Box<dyn StreamWire>) -> Result<Vec<u8>, Failure> {
    let mut room = vec![0; 64 * 1024];
    let mut buf = ReadBuf::new(&mut room);
    within(poll_fn(|cx| wire.poll_read(cx, &mut buf))).await?;
    Ok(buf.filled().to_vec())
}

/// Everything up to the end.
pub(crate) async fn read_to_end(wire: &mut Box<dyn StreamWire>) -> Result<Vec<u8>, Failure> {
    let mut all = Vec::new();
    loop {
        let some = read(wire).await?;
        if some.is_empty() {
            return Ok(all);
        }
        all.extend(some);
    }
}

pub(crate) async fn write_all(wire: &mut Box<dyn StreamWire>, mut data: &[u8]) -> Result<(), Failure> {
    while !data.is_empty() {
        let written = within(poll_fn(|cx| wire.poll_write(cx, &[IoSlice::new(data)]))).await?;
        assert_ne!(written, 0);
        data = &data[written..];
    }
    Ok(())
}

/// Writes until the peer, which does not read, and the system have no room left; how much went in.
pub(crate) async fn fill(wire: &mut Box<dyn StreamWire>) -> usize {
    let data = vec![7; 256 * 1024];
    let mut total = 0;
    loop {
        let write = poll_fn(|cx| wire.poll_write(cx, &[IoSlice::new(&data)]));
        match tokio::time::timeout(Duration::from_millis(200), write).await {
            Ok(written) => total += written.unwrap(),
            Err(_) => return total,
        }
    }
}

pub(crate) async fn finish(wire: &mut Box<dyn StreamWire>) -> Result<(), Failure> {
    within(poll_fn(|cx| wire.poll_finish(cx))).await
}

pub(crate) async fn acknowledged(wire: &mut Box<dyn StreamWire>) -> Result<(), Failure> {
    within(poll_fn(|cx| wire.poll_acknowledged(cx))).await
}

pub(crate) async fn failed(wire: &mut Box<dyn StreamWire>) -> Failure {
    within(poll_fn(|cx| wire.poll_failed(cx))).await
}

/// Whether it stays pending for a while.
pub(crate) async fn stays_pending<T>(mut poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<T>) -> bool {
    tokio::time::timeout(Duration::from_millis(150), poll_fn(|cx| poll(cx))).await.is_err()
}
