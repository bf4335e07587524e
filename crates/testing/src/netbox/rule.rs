//! What the network does to packets.

use super::packet::{TCP, UDP, Unreachable};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What happens to packets of a kind, both those that go to a server and those that come from it.
///
/// The first rule of a list that is for a packet decides about it; a packet for which there is none goes through at
/// once. A rule is for everything, until it is told for what:
///
/// ```
/// use neatflow_testing::netbox::{Rule, Unreachable};
/// use std::time::Duration;
///
/// let rules = [
///     Rule::to("2001:db8::1").tcp().refused(Duration::from_millis(20)),
///     Rule::v6().unreachable(Unreachable::Network, Duration::from_millis(40)),
///     Rule::to("192.0.2.1").udp().dropped(),
///     Rule::all().over("wwan0").delay(Duration::from_millis(60)).loss(0.01).rate(8_000_000),
/// ];
/// # _ = rules;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Rule {
    address: Option<IpAddr>,
    v6: Option<bool>,
    protocol: Option<u8>,
    port: Option<u16>,
    interface: Option<String>,
    pub(super) effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Effect {
    pub(super) fate: Fate,
    /// How long it takes on the way to the server.
    pub(super) delay: Duration,
    /// How likely it is lost.
    pub(super) loss: f64,
    /// Bits in a second, in each direction.
    pub(super) rate: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    Passes,
    Drops,
    Refuses(Duration),
    Unreachable(Unreachable, Duration),
}

impl Rule {
    /// For everything.
    pub const fn all() -> Self {
        let effect = Effect { fate: Fate::Passes, delay: Duration::ZERO, loss: 0.0, rate: None };
        Self { address: None, v6: None, protocol: None, port: None, interface: None, effect }
    }

    /// For what goes to, or comes from, this address of a server; a literal, for brevity.
    ///
    /// # Panics
    ///
    /// If it is not a literal address.
    pub fn to(address: &str) -> Self {
        let address = address.parse().unwrap_or_else(|_| panic!("not a literal address: {address}"));
        Self { address: Some(address), ..Self::all() }
    }

    /// For IPv4.
    pub const fn v4() -> Self {
        let mut rule = Self::all();
        rule.v6 = Some(false);
        rule
    }

    /// For IPv6.
    pub const fn v6() -> Self {
        let mut rule = Self::all();
        rule.v6 = Some(true);
        rule
    }

    /// For TCP only.
    pub const fn tcp(mut self) -> Self {
        self.protocol = Some(TCP);
        self
    }

    /// For UDP only.
    pub const fn udp(mut self) -> Self {
        self.protocol = Some(UDP);
        self
    }

    /// For this port of the server only.
    pub const fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// For what goes over this interface of the client only.
    pub fn over(mut self, interface: &str) -> Self {
        self.interface = Some(interface.to_owned());
        self
    }

    /// A round trip takes this much longer; all of it is spent on the way to the server.
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.effect.delay = delay;
        self
    }

    /// This share of packets is lost, in each direction: from 0 to 1. Which ones is the same in each run.
    pub const fn loss(mut self, share: f64) -> Self {
        self.effect.loss = share;
        self
    }

    /// At most this many bits in a second get through, in each direction; a queue longer than 200 ms loses its tail.
    pub const fn rate(mut self, bits: u64) -> Self {
        self.effect.rate = Some(bits);
        self
    }

    /// Nothing gets through, in either direction: a black hole.
    pub const fn dropped(mut self) -> Self {
        self.effect.fate = Fate::Drops;
        self
    }

    /// Nobody is at the port, and it takes that long to hear so: RST for TCP, ICMP port unreachable for UDP.
    pub const fn refused(mut self, after: Duration) -> Self {
        self.effect.fate = Fate::Refuses(after);
        self
    }

    /// The network says that it cannot be reached, by ICMP, and it takes that long to hear so.
    pub const fn unreachable(mut self, why: Unreachable, after: Duration) -> Self {
        self.effect.fate = Fate::Unreachable(why, after);
        self
    }

    /// Whether it is for packets between the client and this address of a server.
    pub(super) fn is_for(&self, server: SocketAddr, protocol: u8, interface: &str) -> bool {
        self.address.is_none_or(|address| address == server.ip())
            && self.v6.is_none_or(|v6| v6 == server.is_ipv6())
            && self.protocol.is_none_or(|wanted| wanted == protocol)
            && self.port.is_none_or(|port| port == server.port())
            && self.interface.as_deref().is_none_or(|wanted| wanted == interface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_for_that_of_which_all_is_true() {
        let server: SocketAddr = "[2001:db8::1]:443".parse().unwrap();
        let other: SocketAddr = "192.0.2.1:443".parse().unwrap();
        assert!(Rule::all().is_for(server, TCP, "net0"));
        assert!(Rule::v6().is_for(server, TCP, "net0") && !Rule::v6().is_for(other, TCP, "net0"));
        assert!(Rule::v4().is_for(other, TCP, "net0") && !Rule::v4().is_for(server, TCP, "net0"));
        assert!(!Rule::to("2001:db8::2").is_for(server, TCP, "net0"));
        let all = Rule::to("2001:db8::1").tcp().port(443).over("net0");
        assert!(all.is_for(server, TCP, "net0"));
        assert!(!all.is_for(server, UDP, "net0"));
        assert!(!all.is_for(server, TCP, "net1"));
        assert!(!all.is_for(other, TCP, "net0"));
        assert!(!all.port(80).is_for(server, TCP, "net0"));
    }
}
