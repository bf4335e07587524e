//! What the kernel says beside a datagram, and what is said to it (control messages, `cmsg(3)`).

use std::ffi::c_int;
use std::net::IpAddr;

/// Enough for everything that is asked for: where to, ECN, the stride of a train, and a report with the address of who reported.
const ROOM: usize = 256;

/// A header: the length with the header, the level, the kind.
const LEN: usize = size_of::<usize>();
const HEADER: usize = LEN + 2 * size_of::<c_int>();

/// Control messages in the kernel's layout. Aligned like its headers.
#[repr(C, align(8))]
#[derive(Debug)]
pub(super) struct Notes {
    bytes: [u8; ROOM],
    written: usize,
}

impl Notes {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; ROOM], written: 0 }
    }

    /// Room for the kernel to write into.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The kernel has written this much.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written = bytes.min(ROOM);
    }

    pub(super) fn written(&self) -> &[u8] {
        &self.bytes[..self.written]
    }

    /// Level, kind and data of each. What is cut short is left out.
    pub(super) fn iter(&self) -> impl Iterator<Item = (c_int, c_int, &[u8])> {
        let mut rest = self.written();
        std::iter::from_fn(move || {
            let len = usize::from_ne_bytes(bytes(rest, 0)?);
            let level = c_int::from_ne_bytes(bytes(rest, LEN)?);
            let kind = c_int::from_ne_bytes(bytes(rest, LEN + size_of::<c_int>())?);
            let data = rest.get(HEADER..len)?;
            rest = rest.get(aligned(len)..).unwrap_or_default();
            Some((level, kind, data))
        })
    }

    /// The source address of a datagram that is to be sent; the interface is left to the routing table.
    pub(super) fn put_source(&mut self, source: IpAddr) {
        match source {
            // `in_pktinfo`: interface, source, and an address that is of no account here.
            IpAddr::V4(source) => {
                let mut data = [0; 12];
                data[4..8].copy_from_slice(&source.octets());
                self.put(libc::IPPROTO_IP, libc::IP_PKTINFO, &data);
            }
            // `in6_pktinfo`: source, interface.
            IpAddr::V6(source) => {
                let mut data = [0; 20];
                data[..16].copy_from_slice(&source.octets());
                self.put(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &data);
            }
        }
    }

    /// The length of each datagram of a train that is to be sent.
    pub(super) fn put_size(&mut self, size: usize) {
        self.put(libc::SOL_UDP, libc::UDP_SEGMENT, &(size as u16).to_ne_bytes());
    }

    /// The octet of a datagram that is to be sent to this family, which says how the network should treat it.
    pub(super) fn put_octet(&mut self, is_v4: bool, octet: u8) {
        let (level, kind) = match is_v4 {
            true => (libc::IPPROTO_IP, libc::IP_TOS),
            false => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
        };
        self.put(level, kind, &c_int::from(octet).to_ne_bytes());
    }

    fn put(&mut self, level: c_int, kind: c_int, data: &[u8]) {
        let len = HEADER + data.len();
        let end = self.written + aligned(len);
        let Some(place) = self.bytes.get_mut(self.written..end) else { return };
        place[..LEN].copy_from_slice(&len.to_ne_bytes());
        place[LEN..LEN + size_of::<c_int>()].copy_from_slice(&level.to_ne_bytes());
        place[LEN + size_of::<c_int>()..HEADER].copy_from_slice(&kind.to_ne_bytes());
        place[HEADER..len].copy_from_slice(data);
        self.written = end;
    }
}

/// The `N` bytes from `start` on, if there are so many.
pub(super) fn bytes<const N: usize>(data: &[u8], start: usize) -> Option<[u8; N]> {
    data.get(start..)?.first_chunk().copied()
}

/// Where the next header begins.
const fn aligned(len: usize) -> usize {
    len.saturating_add(LEN - 1) & !(LEN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::QuickCheck;

    #[test]
    fn what_is_put_in_comes_out() {
        let mut notes = Notes::new();
        notes.put(1, 2, b"odd");
        notes.put(3, 4, b"");
        notes.put(5, 6, b"eighteen bytes....");
        let found: Vec<_> = notes.iter().collect();
        assert_eq!(found, [(1, 2, &b"odd"[..]), (3, 4, b""), (5, 6, b"eighteen bytes....")]);
    }

    #[test]
    fn the_layout_is_that_of_the_c_library() {
        assert_eq!(HEADER, size_of::<libc::cmsghdr>());
        for (len, space) in [(1, 24), (8, 24), (12, 32), (20, 40)] {
            assert_eq!(aligned(HEADER + len), space, "{len}");
        }
    }

    #[test]
    fn whatever_the_kernel_wrote_reading_it_ends() {
        fn reads(written: Vec<u8>, len: Option<u8>) {
            let mut notes = Notes::new();
            let size = written.len().min(ROOM);
            notes.room()[..size].copy_from_slice(&written[..size]);
            notes.wrote(written.len());
            if let Some(len) = len {
                notes.room()[..LEN].copy_from_slice(&usize::from(len).to_ne_bytes());
            }
            assert!(notes.iter().count() <= ROOM / HEADER);
        }
        QuickCheck::new().quickcheck(reads as fn(Vec<u8>, Option<u8>));
    }
}
