//! A network in a box: real sockets, and a network between them that does what it is told.
//!
//! ```text
//!   the test's process                        servers, name server
//!   namespace of the client                   namespace of the servers (every other address there is)
//!     net0, net1, ... ═════════▶  relay  ◀═════════ outer
//!                                 rules: delay, loss, rate, black hole, RST, ICMP
//! ```
//!
//! It needs Linux with namespaces and virtual Ethernet devices, and the programs `unshare` (util-linux) and `ip`
//! (iproute2); no rights where ordinary users may have namespaces. Nothing outside of the box is touched or reached,
//! and nothing of it is left when the test has ended, however it ends.
//!
//! ```no_run
//! use neatflow_testing::dns::{RecordType, Reply};
//! use neatflow_testing::netbox::{self, NetBox, Rule, User};
//! use std::net::TcpStream;
//! use std::time::Duration;
//!
//! #[test]
//! fn the_first_byte_takes_three_round_trips() {
//!     let name = "the_first_byte_takes_three_round_trips";
//!     let ran = netbox::run(name, User::Same, || {
//!         let net = NetBox::start().unwrap();
//!         net.rules([Rule::to("192.0.2.1").delay(Duration::from_millis(40)), Rule::v6().dropped()]);
//!         let server = net.echo(7000).unwrap();
//!         net.dns().on("dual.example", RecordType::A, Reply::addresses(["192.0.2.1"]));
//!         // ... initiate to dual.example:7000, with net.name_server() as the only name server ...
//!         assert_eq!(server.open(), 0);
//!     });
//!     if let Err(unavailable) = ran {
//!         eprintln!("SKIPPED {name}: {unavailable}");
//!     }
//! }
//! ```
//!
//! Times in the box are real: a test of it allows for the machine. The box itself adds well under a millisecond to a
//! round trip, and [`NetBox::take_late`] tells when the machine was too busy for that.

mod inside;
mod packet;
mod relay;
mod room;
mod rule;
mod server;
pub mod stage;
mod tls;
mod wire;

pub use inside::{Unavailable, User, available, is_inside, run};
pub use packet::Unreachable;
pub use relay::Seen;
pub use rule::Rule;
pub use server::{Accepted, Server};
pub use tls::Tls;

use crate::dns::DnsServer;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage};
use relay::{End, Line, Relay};
use room::{Room, ip, take_from_anywhere};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;
use tls::Authority;
use tokio::net::TcpStream;
use tokio::time::Instant;
use wire::{CARD, Device, Wire};

const DNS_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 53);
const DNS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0x53);

/// An interface of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Interface {
    name: String,
    addresses: Option<Vec<(IpAddr, u8)>>,
    v4: bool,
    v6: bool,
}

impl Interface {
    /// One with an address of each family, and a default route for each; the first one's routes are preferred.
    ///
    /// The n-th has 198.51.100.(10 + n)/24 and `2001:db8:ffff:n::10/64`, from ranges for documentation, counted from 0.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), addresses: None, v4: true, v6: true }
    }

    /// Without IPv6.
    pub const fn v4_only(mut self) -> Self {
        self.v6 = false;
        self
    }

    /// Without IPv4.
    pub const fn v6_only(mut self) -> Self {
        self.v4 = false;
        self
    }

    /// With these addresses instead, in networks of 24 and 64 bits; literals, for brevity.
    ///
    /// # Panics
    ///
    /// If one is not a literal address.
    pub fn addresses<'a>(mut self, addresses: impl IntoIterator<Item = &'a str>) -> Self {
        let literal = |text: &str| text.parse().unwrap_or_else(|_| panic!("not a literal address: {text}"));
        let network = |address: IpAddr| (address, if address.is_ipv4() { 24 } else { 64 });
        self.addresses = Some(addresses.into_iter().map(literal).map(network).collect());
        self
    }

    fn all_addresses(&self, place: u8) -> Vec<(IpAddr, u8)> {
        let own = self.addresses.clone().unwrap_or_else(|| {
            let v4 = Ipv4Addr::new(198, 51, 100, 10 + place);
            let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, place.into(), 0, 0, 0, 0x10);
            vec![(v6.into(), 64), (v4.into(), 24)]
        });
        own.into_iter().filter(|(address, _)| if address.is_ipv4() { self.v4 } else { self.v6 }).collect()
    }

    /// What `ip` has to do for it in the client's namespace.
    fn lines(&self, place: u8, servers: i32) -> Vec<String> {
        let Self { name, .. } = self;
        let metric = 100 * (u32::from(place) + 1);
        let mut lines = vec![
            format!("link add {name} address {CARD} type veth peer name client{place} netns {servers}"),
            format!("link set {name} arp off gso_max_segs 1 up"),
        ];
        let addresses = self.all_addresses(place);
        for (address, bits) in &addresses {
            let flags = if address.is_ipv6() { " nodad" } else { "" };
            lines.push(format!("address add {address}/{bits} dev {name}{flags}"));
        }
        for (everywhere, v4) in [("0.0.0.0/0", true), ("::/0", false)] {
            if addresses.iter().any(|(address, _)| address.is_ipv4() == v4) {
                lines.push(format!("route add {everywhere} dev {name} metric {metric}"));
            }
        }
        lines
    }
}

/// A network, around the process that starts it. Everything in it ends when it is dropped.
///
/// Every address that is not the client's is one of the servers', so a server listens on all of them; which ones can
/// be reached, and how, the [rules](Self::rules) say. Without rules everything gets through at once.
#[derive(Debug)]
pub struct NetBox {
    interfaces: Vec<Interface>,
    wire: Wire,
    start: Instant,
    dns: DnsServer,
    authority: OnceLock<Authority>,
    room: Room,
}

impl NetBox {
    /// One with a client that has one interface, `net0`.
    ///
    /// *Errors*: as those of [`with`](Self::with).
    pub fn start() -> io::Result<Self> {
        Self::with([Interface::new("net0")])
    }

    /// One with a client that has these interfaces.
    ///
    /// *Errors*: whatever keeps it from being set up; outside of [`run`] that the namespace is not its own.
    pub fn with(interfaces: impl IntoIterator<Item = Interface>) -> io::Result<Self> {
        let interfaces: Vec<_> = interfaces.into_iter().collect();
        only_in_a_namespace_of_its_own()?;
        let room = Room::enter()?;
        let mut lines = vec!["link set lo up".to_owned()];
        let mut servers = servers();
        let mut known = Vec::new();
        for (place, interface) in (0_u8..).zip(&interfaces) {
            lines.extend(interface.lines(place, room.thread.as_raw()));
            servers.push(format!("link set client{place} addrgenmode none up"));
            let addresses: Vec<_> =
                interface.all_addresses(place).into_iter().map(|(address, _)| address).collect();
            for address in &addresses {
                let bits = if address.is_ipv4() { 32 } else { 128 };
                servers.push(format!("route add {address}/{bits} dev outer"));
            }
            known.push(Line { name: interface.name.clone(), addresses, cut: false });
        }
        ip(&lines)?;
        let count = known.len();
        let devices = room.run(async move {
            take_from_anywhere()?;
            ip(&servers)?;
            let clients = (0..count).map(|place| Device::open(&format!("client{place}"), End::Client(place)));
            clients.chain([Device::open("inner", End::Server)]).collect::<io::Result<Vec<_>>>()
        })?;
        let dns = room.run(DnsServer::start_at((Ipv6Addr::UNSPECIFIED, 53).into()))?;
        let wire = Wire::start(devices, Relay::new(known, Vec::new()))?;
        Ok(Self { interfaces, start: wire.start_time(), wire, dns, authority: OnceLock::new(), room })
    }

    /// These rules, instead of those before, for packets that come from now on.
    pub fn rules(&self, rules: impl IntoIterator<Item = Rule>) {
        let rules = rules.into_iter().collect();
        self.wire.with(|relay| relay.rules(rules));
    }

    /// The name server in the box, which answers what it was told to.
    ///
    /// A delay of an answer is the name server's; the way to it is as the rules say.
    pub const fn dns(&self) -> &DnsServer {
        &self.dns
    }

    /// Where the name server is, for the client: over IPv4 where the client has it.
    pub fn name_server(&self) -> SocketAddr {
        let mut addresses = (0_u8..).zip(&self.interfaces).flat_map(|(n, one)| one.all_addresses(n));
        let v4 = addresses.any(|(address, _)| address.is_ipv4());
        let address = if v4 { IpAddr::V4(DNS_V4) } else { IpAddr::V6(DNS_V6) };
        SocketAddr::new(address, 53)
    }

    /// A TCP server that sends back whatever it reads.
    ///
    /// *Errors*: those of listening, above all that the port is taken.
    pub fn echo(&self, port: u16) -> io::Result<Server> {
        self.room.run(Server::echo(port, self.start))
    }

    /// A TCP server that does this with each connection; the connection has ended when it returns.
    ///
    /// *Errors*: as those of [`echo`](Self::echo).
    pub fn serve<F>(
        &self,
        port: u16,
        serve: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> io::Result<Server>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.room.run(Server::start(port, self.start, serve))
    }

    /// A TLS server, for this name, that does this so long after the ClientHello.
    ///
    /// *Errors*: as those of [`echo`](Self::echo), and that there is no certificate for such a name.
    pub fn tls(&self, port: u16, name: &str, tls: Tls, after: Duration) -> io::Result<Server> {
        let config = self.certificates()?.config(name, tls)?;
        self.serve(port, move |stream| tls::serve(stream, config.clone(), tls, after))
    }

    /// The certificate of the authority that has signed those of the TLS servers, as PEM.
    ///
    /// *Errors*: that there is no randomness for a key.
    pub fn authority(&self) -> io::Result<String> {
        Ok(self.certificates()?.pem())
    }

    fn certificates(&self) -> io::Result<&Authority> {
        if self.authority.get().is_none() {
            // Whoever comes second drops theirs.
            _ = self.authority.set(Authority::new()?);
        }
        self.authority.get().ok_or_else(|| io::Error::other("there is no authority"))
    }

    /// Nothing gets through an interface of the client any more, in either direction; the interface stays.
    pub fn cut(&self, interface: &str) {
        self.set_cut(interface, true);
    }

    /// The interface is as before it was cut.
    pub fn mend(&self, interface: &str) {
        self.set_cut(interface, false);
    }

    fn set_cut(&self, interface: &str, cut: bool) {
        self.wire.with(|relay| {
            relay.lines.iter_mut().filter(|line| line.name == interface).for_each(|line| line.cut = cut);
        });
    }

    /// Takes an interface of the client away, with its addresses and routes.
    ///
    /// *Errors*: above all that there is none of this name.
    pub fn remove(&self, interface: &str) -> io::Result<()> {
        ip(&[format!("link delete {interface}")])
    }

    /// Has `ip` do these lines (as in `ip -batch`) in the client's namespace: to change addresses and routes.
    ///
    /// *Errors*: what `ip` says.
    pub fn ip<'a>(&self, lines: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        ip(&lines.into_iter().map(str::to_owned).collect::<Vec<_>>())
    }

    /// The packets that reached the network, in order: the first 65,536.
    pub fn seen(&self) -> Vec<Seen> {
        self.wire.with(|relay| relay.seen.clone())
    }

    /// How long the box has existed: the time that [`Seen::at`] and [`Accepted::at`] are in.
    pub fn elapsed(&self) -> Duration {
        self.wire.elapsed()
    }

    /// How much later than by the rules a packet left the network, at most, since this was last asked.
    pub fn take_late(&self) -> Duration {
        self.wire.take_late()
    }
}

/// What `ip` has to do in the servers' namespace.
fn servers() -> Vec<String> {
    let lines = [
        "link set lo up".to_owned(),
        format!("link add outer address {CARD} type veth peer name inner"),
        "link set outer arp off addrgenmode none gso_max_segs 1 up".to_owned(),
        "link set inner addrgenmode none up".to_owned(),
        format!("address add {DNS_V4}/32 dev lo"),
        format!("address add {DNS_V6}/128 dev lo nodad"),
        // Every address is theirs, but for those of the client.
        "route add local 0.0.0.0/0 dev lo table main".to_owned(),
        "route add local ::/0 dev lo table main".to_owned(),
    ];
    lines.into()
}

/// The interfaces of the machine are not to be touched.
fn only_in_a_namespace_of_its_own() -> io::Result<()> {
    let has_address = |address: &Option<SockaddrStorage>| {
        let of = |family| address.as_ref().is_some_and(|address| address.family() == Some(family));
        of(AddressFamily::Inet) || of(AddressFamily::Inet6)
    };
    let mut others = nix::ifaddrs::getifaddrs()?
        .filter(|one| !one.flags.contains(InterfaceFlags::IFF_LOOPBACK) && has_address(&one.address));
    match others.next() {
        Some(one) => Err(io::Error::other(format!(
            "a network in a box needs a namespace of its own (netbox::run); this one has {}",
            one.interface_name
        ))),
        None => Ok(()),
    }
}
