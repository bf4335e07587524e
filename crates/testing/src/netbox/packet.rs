//! IP packets as bytes: what is in them, and what a network says back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMP_V6: u8 = 58;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// The outermost headers of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Headers {
    /// With the port, where there are ports; else with 0.
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) protocol: u8,
    /// Where the payload of IP begins.
    payload: usize,
    /// What IP says its end is.
    end: usize,
    /// A part of a packet, whose checksum cannot be known.
    fragment: bool,
    flags: u8,
}

impl Headers {
    /// Reads them; `None` for what is neither IPv4 nor IPv6, or too short.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let (source, destination, protocol, payload, end, fragment) = match packet.first()? >> 4 {
            4 => {
                let length = usize::from(packet[0] & 15) * 4;
                let total = usize::from(word(packet, 2)?);
                let from = IpAddr::from(<[u8; 4]>::try_from(packet.get(12..16)?).ok()?);
                let to = IpAddr::from(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?);
                (from, to, packet[9], length, total, word(packet, 6)? & 0x3fff != 0)
            }
            6 => {
                let total = 40 + usize::from(word(packet, 4)?);
                let from = IpAddr::from(<[u8; 16]>::try_from(packet.get(8..24)?).ok()?);
                let to = IpAddr::from(<[u8; 16]>::try_from(packet.get(24..40)?).ok()?);
                (from, to, packet[6], 40, total, packet[6] == 44)
            }
            _ => return None,
        };
        if payload < 20 || end < payload || end > packet.len() {
            return None;
        }
        let body = &packet[payload..end];
        let (ports, flags) = match protocol {
            TCP if !fragment && body.len() >= 20 => ((word(body, 0)?, word(body, 2)?), body[13]),
            UDP if !fragment && body.len() >= 8 => ((word(body, 0)?, word(body, 2)?), 0),
            TCP | UDP if !fragment => return None,
            _ => ((0, 0), 0),
        };
        Some(Self {
            source: SocketAddr::new(source, ports.0),
            destination: SocketAddr::new(destination, ports.1),
            protocol,
            payload,
            end,
            fragment,
            flags,
        })
    }

    /// Whether it asks for a new TCP connection.
    pub(super) const fn is_syn(&self) -> bool {
        self.flags & (SYN | ACK) == SYN
    }

    /// Whether it ends a TCP connection, or one direction of it.
    pub(super) const fn is_end(&self) -> bool {
        self.flags & (FIN | RST) != 0
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// Writes the checksum of TCP or UDP, which a virtual device leaves to a card it does not have.
pub(super) fn complete(packet: &mut [u8]) {
    let Some(headers) = Headers::read(packet) else { return };
    let at = match headers.protocol {
        TCP => 16,
        UDP => 6,
        _ => return,
    };
    if headers.fragment {
        return;
    }
    let body = &mut packet[headers.payload..headers.end];
    body[at..at + 2].fill(0);
    let (from, to) = (headers.source.ip(), headers.destination.ip());
    let mut sum = checksum(pseudo(from, to, headers.protocol, body.len()), body);
    if sum == 0 && headers.protocol == UDP {
        sum = 0xffff;
    }
    body[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// What a host says that has nobody at this port: RST to a SYN, port unreachable to a datagram, nothing to the rest.
pub(super) fn refusal(packet: &[u8]) -> Option<Vec<u8>> {
    let headers = Headers::read(packet)?;
    match headers.protocol {
        TCP if headers.is_syn() => Some(reset(packet, &headers)),
        UDP => unreachable(packet, Unreachable::Port),
        _ => None,
    }
}

fn reset(packet: &[u8], headers: &Headers) -> Vec<u8> {
    let body = &packet[headers.payload..headers.end];
    let sequence = u32::from_be_bytes([body[4], body[5], body[6], body[7]]);
    let mut segment = Vec::with_capacity(20);
    segment.extend(headers.destination.port().to_be_bytes());
    segment.extend(headers.source.port().to_be_bytes());
    segment.extend(0_u32.to_be_bytes());
    segment.extend(sequence.wrapping_add(1).to_be_bytes());
    segment.extend([5 << 4, RST | ACK, 0, 0, 0, 0, 0, 0]);
    let (from, to) = (headers.destination.ip(), headers.source.ip());
    let mut answer = datagram(from, to, TCP, &segment);
    complete(&mut answer);
    answer
}

/// Why a network says that a packet cannot be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// There is no route.
    Network,
    /// The host does not answer its neighbours.
    Host,
    /// Nobody is at the port.
    Port,
    /// A firewall says that it is one.
    Prohibited,
}

impl Unreachable {
    /// The code in ICMP (RFC 792, RFC 1812) and in ICMPv6 (RFC 4443).
    const fn codes(self) -> (u8, u8) {
        match self {
            Self::Network => (0, 0),
            Self::Host => (1, 3),
            Self::Port => (3, 4),
            Self::Prohibited => (13, 1),
        }
    }
}

/// The ICMP message that says so of this packet; none to a part of a packet.
pub(super) fn unreachable(packet: &[u8], why: Unreachable) -> Option<Vec<u8>> {
    let headers = Headers::read(packet).filter(|headers| !headers.fragment)?;
    let (from, to) = (headers.destination.ip(), headers.source.ip());
    let (v4, v6) = why.codes();
    let quote = |most: usize| &packet[..headers.end.min(most)];
    if from.is_ipv4() {
        let mut message = vec![3, v4, 0, 0, 0, 0, 0, 0];
        message.extend(quote(headers.payload + 8));
        let sum = checksum(0, &message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        Some(datagram(from, to, ICMP, &message))
    } else {
        let mut message = vec![1, v6, 0, 0, 0, 0, 0, 0];
        message.extend(quote(1280 - 40 - 8));
        let sum = checksum(pseudo(from, to, ICMP_V6, message.len()), &message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        Some(datagram(from, to, ICMP_V6, &message))
    }
}

/// A packet of this protocol; both addresses are of one family.
fn datagram(from: IpAddr, to: IpAddr, protocol: u8, body: &[u8]) -> Vec<u8> {
    let length = |head: usize| u16::try_from(body.len() + head).unwrap_or(u16::MAX).to_be_bytes();
    let mut packet = Vec::with_capacity(40 + body.len());
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend([0x45, 0]);
            packet.extend(length(20));
            packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            let sum = checksum(0, &packet);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (from, to) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(length(0));
            packet.extend([protocol, 64]);
            packet.extend(octets(from));
            packet.extend(octets(to));
        }
    }
    packet.extend(body);
    packet
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => Ipv4Addr::to_ipv6_mapped(&address),
        IpAddr::V6(address) => address,
    }
    .octets()
}

/// The sum of the header that checksums of transports include.
fn pseudo(from: IpAddr, to: IpAddr, protocol: u8, length: usize) -> u32 {
    let address = |address: IpAddr| match address {
        IpAddr::V4(address) => sum(&Ipv4Addr::octets(&address)),
        IpAddr::V6(address) => sum(&Ipv6Addr::octets(&address)),
    };
    address(from) + address(to) + u32::from(protocol) + u32::try_from(length).unwrap_or_default()
}

/// At most 64 KiB, so that it cannot overflow.
fn sum(bytes: &[u8]) -> u32 {
    let pairs = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    pairs.sum()
}

fn checksum(begun: u32, bytes: &[u8]) -> u16 {
    let mut total = begun + sum(bytes);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !u16::try_from(total).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn addresses(v6: bool) -> (IpAddr, IpAddr) {
        if v6 {
            ("2001:db8:ffff::10".parse().unwrap(), "2001:db8::1".parse().unwrap())
        } else {
            ("198.51.100.10".parse().unwrap(), "192.0.2.1".parse().unwrap())
        }
    }

    pub(crate) fn syn(v6: bool) -> Vec<u8> {
        let (from, to) = addresses(v6);
        let mut segment = vec![0x9c, 0x40, 0x1b, 0x58, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 5 << 4, SYN];
        segment.extend([0xff, 0xff, 0, 0, 0, 0]);
        datagram(from, to, TCP, &segment)
    }

    pub(crate) fn udp(v6: bool) -> Vec<u8> {
        let (from, to) = addresses(v6);
        datagram(from, to, UDP, &[0x9c, 0x40, 0, 53, 0, 11, 0, 0, 1, 2, 3])
    }

    /// A checksum that is right makes the sum come out as nothing.
    fn is_intact(packet: &[u8]) -> bool {
        let headers = Headers::read(packet).unwrap();
        let (from, to) = (headers.source.ip(), headers.destination.ip());
        let body = &packet[headers.payload..headers.end];
        let header = !from.is_ipv4() || checksum(0, &packet[..20]) == 0;
        let begun = if headers.protocol == ICMP { 0 } else { pseudo(from, to, headers.protocol, body.len()) };
        header && checksum(begun, body) == 0
    }

    #[test]
    fn headers_are_read_and_what_is_cut_short_is_not() {
        for v6 in [false, true] {
            let (from, to) = addresses(v6);
            let packet = syn(v6);
            let headers = Headers::read(&packet).unwrap();
            assert_eq!(headers.source, SocketAddr::new(from, 40_000));
            assert_eq!(headers.destination, SocketAddr::new(to, 7000));
            assert!(headers.is_syn() && !headers.is_end());
            for length in 0..packet.len() {
                assert_eq!(Headers::read(&packet[..length]), None, "{length}");
            }
        }
    }

    #[test]
    fn a_completed_packet_is_intact() {
        for packet in [syn(false), syn(true), udp(false), udp(true)] {
            let mut packet = packet;
            assert!(!is_intact(&packet));
            complete(&mut packet);
            assert!(is_intact(&packet), "{packet:?}");
        }
    }

    #[test]
    fn a_refusal_goes_back_and_acknowledges_the_syn() {
        for v6 in [false, true] {
            let answer = refusal(&syn(v6)).unwrap();
            assert!(is_intact(&answer));
            let (asked, told) = (Headers::read(&syn(v6)).unwrap(), Headers::read(&answer).unwrap());
            assert_eq!((told.source, told.destination), (asked.destination, asked.source));
            assert!(told.is_end() && !told.is_syn());
            // The number after 0xffff_ffff.
            assert_eq!(answer[told.payload + 8..told.payload + 12], [0; 4]);
            assert_eq!(refusal(&answer), None, "a RST is not answered");
        }
    }

    #[test]
    fn an_icmp_message_quotes_what_it_is_about() {
        for (v6, protocol) in [(false, ICMP), (true, ICMP_V6)] {
            for packet in [syn(v6), udp(v6)] {
                let answer = unreachable(&packet, Unreachable::Host).unwrap();
                assert!(is_intact(&answer));
                let told = Headers::read(&answer).unwrap();
                assert_eq!(told.protocol, protocol);
                let quote = &answer[told.payload + 8..];
                assert!(packet.starts_with(quote) && quote.len() >= 28);
            }
        }
    }
}
