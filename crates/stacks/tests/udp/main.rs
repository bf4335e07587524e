//! UDP against the real system, on loopback.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside the functions clippy knows to be tests")]

mod batches;
mod bounds;
#[cfg(target_os = "linux")]
mod descriptor;
mod helpers;
mod listening;
mod opening;
mod reports;
mod said;
mod sending;

#[cfg(target_os = "linux")]
use descriptor::*;
use helpers::*;
use neatflow_core::connection::Batch;
use neatflow_core::properties::CapacityProfile;
use neatflow_core::{
    Ecn, Failure, Message, MessageProperties, Offer, Preference, SelectionProperty, SendFailure,
};
use neatflow_stacks::udp::{Limits, Udp};
use neatflow_stacks::{Acceptor, ListenOn, MessageWire, NotSent, Portable, Progress, Stack, Stage, Wire};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
