//! TCP on Linux: what the kernel tells of a connection, and options that are its own.

use crate::wire::Report;
use neatflow_core::Failure;
use socket2::{SockRef, Socket};
use std::ffi::c_int;
use std::io;
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::AsRawFd;
use std::time::Duration;
use tokio::net::TcpStream;

/// Sends without raising SIGPIPE.
pub(super) const NO_SIGNAL: c_int = libc::MSG_NOSIGNAL;

/// How long data, the first SYN included, may stay unacknowledged (RFC 5482).
pub(super) fn set_user_timeout(socket: &Socket, timeout: Duration) -> io::Result<()> {
    // 0 would mean the system's default, and the kernel reads the value as a signed number.
    let longest = Duration::from_millis(i32::MAX as u64);
    socket.set_tcp_user_timeout(Some(timeout.clamp(Duration::from_millis(1), longest)))
}

/// Nothing to do: accepted sockets have inherited the options of their listener.
pub(super) fn settle(_: SockRef<'_>, _: impl FnOnce(&Socket) -> Result<(), Failure>) -> Result<(), Failure> {
    Ok(())
}

/// Whether the peer has acknowledged every byte, and our end if it was sent.
pub(super) fn is_acknowledged(stream: &TcpStream, finished: bool) -> io::Result<bool> {
    if finished {
        // Our end comes after everything else, and so does its acknowledgement.
        let info = tcp_info(stream)?;
        return Ok(info.is_some_and(|info| state::OUR_END_ACKNOWLEDGED.contains(&info.0.tcpi_state)));
    }
    Ok(outstanding(stream)? == 0)
}

/// What the kernel measures.
pub(super) fn measure(stream: &TcpStream) -> Report {
    let mut report = Report::default();
    let Ok(Some(Info(info, known))) = tcp_info(stream) else { return report };
    let micros = |value: u32| Some(Duration::from_micros(value.into()));
    report.rtt = micros(info.tcpi_rtt).filter(|rtt| !rtt.is_zero());
    report.rtt_variation = report.rtt.and_then(|_| micros(info.tcpi_rttvar));
    report.congestion_window = Some(u64::from(info.tcpi_snd_cwnd) * u64::from(info.tcpi_snd_mss));
    report.retransmissions = Some(info.tcpi_total_retrans.into());
    // Kernels before 4.9 fill less of the structure; 0 means that nothing was measured yet.
    if known >= offset_of!(libc::tcp_info, tcpi_delivery_rate) + size_of::<u64>() {
        report.delivery_rate = Some(info.tcpi_delivery_rate).filter(|rate| *rate > 0);
    }
    // Our end counts as one byte as long as it is not acknowledged.
    let end = u64::from(state::OUR_END_OUTSTANDING.contains(&info.tcpi_state));
    report.unacknowledged = outstanding(stream).ok().map(|bytes| bytes.saturating_sub(end));
    report
}

/// The states in the kernel's numbers (RFC 9293 §3.3.2).
mod state {
    const FIN_WAIT_1: u8 = 4;
    const FIN_WAIT_2: u8 = 5;
    const TIME_WAIT: u8 = 6;
    const CLOSED: u8 = 7;
    const LAST_ACK: u8 = 9;
    const CLOSING: u8 = 11;

    pub(super) const OUR_END_OUTSTANDING: [u8; 3] = [FIN_WAIT_1, CLOSING, LAST_ACK];
    pub(super) const OUR_END_ACKNOWLEDGED: [u8; 3] = [FIN_WAIT_2, TIME_WAIT, CLOSED];
}

/// How much is sent or queued and not acknowledged, in sequence numbers: bytes, and one for our end.
fn outstanding(stream: &TcpStream) -> io::Result<u64> {
    let mut bytes: c_int = 0;
    // SAFETY: `stream` owns an open descriptor for as long as it is borrowed; for a TCP socket the request
    // (SIOCOUTQ by its other name) writes one int, and the pointer is to a live one.
    #[expect(unsafe_code, reason = "no crate at hand has a safe function for this request")]
    let status = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// The kernel's account of a connection, and how many bytes of it this kernel knows.
struct Info(libc::tcp_info, usize);

/// `None` if the kernel knows too little of the structure to tell anything.
fn tcp_info(stream: &TcpStream) -> io::Result<Option<Info>> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut size = size_of::<libc::tcp_info>() as libc::socklen_t;
    let descriptor = stream.as_raw_fd();
    // SAFETY: `stream` owns an open descriptor for as long as it is borrowed; `info` has room for `size` bytes,
    // and the system writes no more than that and puts into `size` how many it wrote.
    #[expect(unsafe_code, reason = "no crate at hand has a safe function for this option")]
    let status = unsafe {
        libc::getsockopt(
            descriptor,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the structure is made of integers alone, for which every pattern of bits is a value; what the
    // system did not write is zero.
    #[expect(unsafe_code, reason = "filled by the system call above")]
    let info = unsafe { info.assume_init() };
    let known = size as usize;
    let least = offset_of!(libc::tcp_info, tcpi_total_retrans) + size_of::<u32>();
    Ok((known >= least).then_some(Info(info, known)))
}
