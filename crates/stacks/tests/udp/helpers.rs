//! Real sockets on loopback, ports the system chooses, and a limit on every wait.

use super::*;
use neatflow_core::{Candidate, CandidateId, Protocol, TransportProperties};
use neatflow_stacks::Established;
use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::ops::{Deref, DerefMut};
use std::task::Context;

pub(crate) const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Waits no longer than a test should. What is there only because the end of the wait looked for it was not announced.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    const LIMIT: Duration = Duration::from_secs(20);
    let started = tokio::time::Instant::now();
    let result = tokio::time::timeout(LIMIT, what).await.expect("took too long");
    assert!(started.elapsed() < LIMIT, "nobody was woken");
    result
}

/// Both loopback addresses, if this machine has them; says so when it has not.
pub(crate) fn both() -> impl Iterator<Item = IpAddr> {
    [V4, V6].into_iter().filter(|address| has(*address))
}

pub(crate) fn has(address: IpAddr) -> bool {
    let has = UdpSocket::bind((address, 0)).is_ok();
    if !has {
        eprintln!("SKIPPED: this machine has no {address}");
    }
    has
}

/// Says that a test did not run; where everything must be there, that is a failure.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "must not be skipped: {why}");
    eprintln!("SKIPPED: {why}");
}

/// Runs a test in a network of its own, whose packets are no larger than IPv6 has to carry.
#[cfg(target_os = "linux")]
pub(crate) fn in_a_narrow_network(test: impl AsyncFnOnce() + Send + 'static) {
    let alone = std::thread::spawn(|| {
        // SAFETY: it takes no pointer, and changes this thread alone.
        #[expect(unsafe_code, reason = "the standard library has no method for it")]
        let status = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        let up =
            || std::process::Command::new("ip").args(["link", "set", "lo", "mtu", "1280", "up"]).status();
        if status != 0 || !up().is_ok_and(|status| status.success()) {
            return skip("no network of its own to be had here");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test());
    });
    alone.join().unwrap();
}

/// A peer that nobody here wrote: a blocking socket of the standard library.
pub(crate) fn peer(address: IpAddr) -> UdpSocket {
    let peer = UdpSocket::bind((address, 0)).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    peer
}

/// What a peer receives next, and from whom.
pub(crate) fn hears(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 70_000];
    let (len, from) = peer.recv_from(&mut buffer).unwrap();
    buffer.truncate(len);
    (buffer, from)
}

/// A port where nobody listens any more.
pub(crate) fn vacant(address: IpAddr) -> SocketAddr {
    peer(address).local_addr().unwrap()
}

pub(crate) fn properties(edit: impl FnOnce(&mut TransportProperties)) -> Arc<TransportProperties> {
    let mut properties = TransportProperties::new();
    edit(&mut properties);
    Arc::new(properties)
}

pub(crate) fn candidate(remote: SocketAddr) -> Candidate {
    Candidate::new(CandidateId(0), Protocol::UDP, remote, properties(|_| ()))
}

pub(crate) async fn try_connect(candidate: &Candidate) -> Result<Established, Failure> {
    within(Udp::new().connect(&candidate.clone().into(), Progress::ignored())).await
}

/// One end of a flow, and what came together with a message that was received.
pub(crate) struct End {
    wire: Box<dyn MessageWire>,
    unread: VecDeque<Message>,
}

impl End {
    /// The next message; `None` at the end.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Failure>> {
        if self.unread.is_empty() {
            let mut came = Vec::new();
            std::task::ready!(self.wire.poll_recv(cx, &mut came))?;
            self.unread.extend(came);
        }
        Poll::Ready(Ok(self.unread.pop_front()))
    }

    pub(crate) fn abort(self) {
        self.wire.abort();
    }
}

impl Deref for End {
    type Target = dyn MessageWire;

    fn deref(&self) -> &Self::Target {
        &*self.wire
    }
}

impl DerefMut for End {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.wire
    }
}

pub(crate) async fn connect(remote: SocketAddr) -> End {
    messages(try_connect(&candidate(remote)).await.unwrap().wire)
}

pub(crate) fn messages(wire: Wire) -> End {
    match wire {
        Wire::Messages(wire) => End { wire, unread: VecDeque::new() },
        Wire::Stream(_) => panic!("UDP has no streams"),
    }
}

pub(crate) fn listen_at(address: IpAddr) -> Box<dyn Acceptor> {
    listen_with(address, |_| ())
}

pub(crate) fn listen_with(address: IpAddr, edit: impl FnOnce(&mut Limits)) -> Box<dyn Acceptor> {
    let mut limits = Limits::default();
    edit(&mut limits);
    let on = ListenOn::new(SocketAddr::new(address, 0), properties(|_| ()));
    Udp::new().limits(limits).listen(&on).unwrap()
}

pub(crate) async fn accept(acceptor: &mut Box<dyn Acceptor>) -> End {
    messages(within(poll_fn(|cx| acceptor.poll_accept(cx))).await.unwrap().wire)
}

pub(crate) async fn receive(wire: &mut End) -> Option<Message> {
    within(poll_fn(|cx| wire.poll_next(cx))).await.unwrap()
}

/// The bytes of the next message.
pub(crate) async fn text(wire: &mut End) -> String {
    String::from_utf8(receive(wire).await.unwrap().data.to_vec()).unwrap()
}

pub(crate) async fn try_send(wire: &mut End, message: &Message) -> Result<(), NotSent> {
    let batch =
        Batch { data: &message.data, size: message.len(), count: 1, properties: message.context.properties };
    within(poll_fn(|cx| wire.poll_send(cx, &batch))).await.map(|taken| assert_eq!(taken, 1))
}

/// Sends messages of one size, end to end in `data`; in how many calls.
pub(crate) async fn send_all(wire: &mut End, data: &[u8], size: usize, count: usize) -> usize {
    let (mut sent, mut calls) = (0, 0);
    while sent < count {
        let properties = MessageProperties::new();
        let batch = Batch { data: &data[sent * size..], size, count: count - sent, properties };
        let taken = within(poll_fn(|cx| wire.poll_send(cx, &batch))).await.unwrap();
        assert!((1..=count - sent).contains(&taken), "{taken} taken");
        sent += taken;
        calls += 1;
    }
    calls
}

pub(crate) async fn send(wire: &mut End, data: impl Into<Message>) {
    try_send(wire, &data.into()).await.unwrap();
}

pub(crate) async fn soft_error(wire: &mut End) -> Failure {
    within(poll_fn(|cx| wire.poll_soft_error(cx))).await
}

/// Whether it stays pending for a while.
pub(crate) async fn stays_pending<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> bool {
    tokio::time::timeout(Duration::from_millis(150), poll_fn(|cx| poll(cx))).await.is_err()
}

/// Both ends of a flow, after a first message: who opened it, who accepted it.
pub(crate) async fn pair(acceptor: &mut Box<dyn Acceptor>) -> (End, End) {
    let mut client = connect(acceptor.local()).await;
    send(&mut client, "first").await;
    let mut server = accept(acceptor).await;
    assert_eq!(text(&mut server).await, "first");
    (client, server)
}
