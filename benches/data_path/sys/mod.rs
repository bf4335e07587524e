//! What the standard library does not offer: cores, the processor time of another process, the limit on open files.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub(crate) use linux::{ProcessClock, cores, open_many_files, pin};
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{ProcessClock, cores, open_many_files, pin};
