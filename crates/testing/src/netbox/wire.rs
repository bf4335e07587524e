//! The devices of the network: packets in, packets out.
//!
//! Each end is one side of a pair of virtual Ethernet devices, read and written as raw frames, which an ordinary user
//! may do in a namespace of their own. The other sides do not ask who has which address (no ARP, no neighbour
//! discovery): whatever is sent arrives here.

use super::relay::{End, Relay};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, send, socket};
use nix::sys::time::TimeSpec;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::time::Instant;

/// The largest frame a device hands over, with its header.
const MOST: usize = 65_536 + ETHERNET;
const ETHERNET: usize = 14;

/// The address that every inner end sends to; the other ends take it for theirs.
pub(super) const CARD: &str = "02:00:00:00:00:02";
const HEADER: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

/// One end: a device of the namespace in which it was opened.
#[derive(Debug)]
pub(super) struct Device {
    end: End,
    socket: OwnedFd,
}

impl Device {
    /// Opens a device of the calling thread's namespace.
    pub(super) fn open(name: &str, end: End) -> io::Result<Self> {
        let found = getifaddrs()?
            .filter(|interface| interface.interface_name == name)
            .find_map(|interface| interface.address?.as_link_addr().copied());
        let address = found.ok_or_else(|| io::Error::other(format!("there is no device {name}")))?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)?;
        bind(socket.as_raw_fd(), &address)?;
        // Until it was bound, it heard all devices.
        let mut heard = [0; 64];
        while recv(socket.as_raw_fd(), &mut heard, MsgFlags::empty()).is_ok() {}
        Ok(Self { end, socket })
    }

    /// The next frame, if there is one.
    fn next<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        loop {
            match recv(self.socket.as_raw_fd(), buffer, MsgFlags::empty()) {
                Ok(length) => return Some(&buffer[..length]),
                Err(Errno::EINTR) => {}
                // A device that is down, or gone, has nothing to say.
                Err(_) => return None,
            }
        }
    }

    fn send(&self, packet: &[u8], frame: &mut Vec<u8>) {
        frame.clear();
        frame.extend(HEADER);
        let kind = if packet.first().is_some_and(|first| first >> 4 == 6) { 0x86dd_u16 } else { 0x0800 };
        frame.extend(kind.to_be_bytes());
        frame.extend(packet);
        // What a device does not take is lost, as on any network.
        _ = send(self.socket.as_raw_fd(), frame, MsgFlags::empty());
    }
}

/// The thread that moves packets; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Wire {
    shared: Arc<Shared>,
    wake: UnixStream,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    relay: Relay,
    late: Duration,
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire {
    pub(super) fn start(devices: Vec<Device>, relay: Relay) -> io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let state = Mutex::new(State { relay, late: Duration::ZERO, ended: false });
        let shared = Arc::new(Shared { start: Instant::now(), state });
        let theirs = shared.clone();
        let name = "netbox relay".to_owned();
        let thread = thread::Builder::new().name(name).spawn(move || theirs.relay(&devices, &woken))?;
        Ok(Self { shared, wake, thread: Some(thread) })
    }

    /// When it began, for those that count from it.
    pub(super) fn start_time(&self) -> Instant {
        self.shared.start
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.shared.start.elapsed()
    }

    /// Looks at the network, or changes it.
    pub(super) fn with<T>(&self, what: impl FnOnce(&mut Relay) -> T) -> T {
        what(&mut self.shared.lock().relay)
    }

    /// How late packets were, at most, since it was last asked.
    pub(super) fn take_late(&self) -> Duration {
        std::mem::take(&mut self.shared.lock().late)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        _ = self.wake.write_all(&[0]);
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

impl Shared {
    fn relay(&self, devices: &[Device], mut woken: &UnixStream) {
        let (mut buffer, mut frame) = (vec![0; MOST], Vec::with_capacity(MOST));
        loop {
            let next = {
                let mut state = self.lock();
                if state.ended {
                    return;
                }
                for device in devices {
                    while let Some(read) = device.next(&mut buffer) {
                        if let Some(packet) = read.get(ETHERNET..) {
                            let now = self.start.elapsed();
                            state.relay.arrived(device.end, packet, now);
                        }
                    }
                }
                loop {
                    let now = self.start.elapsed();
                    let Some(next) = state.relay.next() else { break None };
                    if next > now {
                        break Some(next - now);
                    }
                    state.late = state.late.max(now - next);
                    if let Some((end, packet)) = state.relay.due(now)
                        && let Some(device) = devices.iter().find(|device| device.end == end)
                    {
                        device.send(&packet, &mut frame);
                    }
                }
            };
            let mut ready: Vec<_> = devices
                .iter()
                .map(|device| device.socket.as_fd())
                .chain([woken.as_fd()])
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
                .collect();
            // An error is an interruption.
            _ = ppoll(&mut ready, next.map(TimeSpec::from), None);
            while woken.read(&mut buffer).is_ok_and(|read| read > 0) {}
        }
    }
}
