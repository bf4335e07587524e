//! TCP against the real system, on loopback.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside the functions clippy knows to be tests")]

mod acknowledging;
mod closing;
mod failing;
mod listening;
mod moving;
mod obtaining;
mod opening;
#[cfg(target_os = "linux")]
mod options;
mod signals;
#[path = "../support/mod.rs"]
mod support;
mod writing;

use neatflow_core::properties::CapacityProfile;
use neatflow_core::{Failure, Offer, Preference, SelectionProperty};
use neatflow_stacks::tcp::Tcp;
use neatflow_stacks::{ListenOn, Portable, Progress, Stack, Stage, StreamWire};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use support::*;
use tokio::io::ReadBuf;
