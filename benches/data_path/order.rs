//! What is measured, in whose hands, and what a child process is told to do.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// Declares an enum whose variants have names, for arguments, tables and files.
macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $( $(#[$variant_doc:meta])* $variant:ident = $name:literal, )* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub(crate) enum $type {
            $( $(#[$variant_doc])* #[serde(rename = $name)] $variant, )*
        }

        impl $type {
            pub(crate) const ALL: &'static [Self] = &[$( Self::$variant, )*];

            pub(crate) const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }
        }
    };
}

named! {
    /// What is done.
    Workload {
        /// The server takes frames.
        Receive = "receive",
        /// The server makes frames.
        Send = "send",
        /// One frame to and fro.
        PingPong = "ping_pong",
        /// 64 frames to and fro.
        Pipelined = "pipelined",
        /// A frame to and fro on each of 64 connections.
        Conns64 = "conns_64",
        /// .. of 512 connections.
        Conns512 = "conns_512",
        /// A connection for a single frame.
        Accept = "accept",
        /// The server takes pieces.
        BulkReceive = "bulk_receive",
        /// The server sends pieces.
        BulkSend = "bulk_send",
        /// Datagrams to and fro.
        Udp = "udp",
    }
}

named! {
    /// Who does it.
    Variant {
        /// tokio, by hand: the best an expert would write.
        Raw = "raw",
        /// tokio's UdpSocket, one datagram a call.
        RawSingle = "raw_single",
        /// tokio-util's codecs.
        Framed = "framed",
        /// actix, as its documentation has it.
        Actix = "actix",
        /// neatflow: an actor for each connection, events by its mailbox.
        Mailbox = "mailbox",
        /// neatflow: an actor for each connection, events in its own turn.
        Attached = "attached",
        /// neatflow: one actor for all connections, events in its own turn.
        FlowSet = "flowset",
    }
}

/// What a server does for whoever connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Service {
    /// Gives back each frame.
    Echo,
    /// Counts frames, and answers the end with their number.
    Count,
    /// Makes as many frames as each frame asks for.
    Produce,
    /// Counts bytes, and answers the end with their number.
    CountBytes,
    /// Sends as many pieces as each frame asks for.
    ProducePieces,
    /// Gives back each datagram.
    EchoDatagrams,
}

impl Workload {
    /// What the server has to be for it.
    pub(crate) const fn service(self) -> Service {
        match self {
            Self::Receive => Service::Count,
            Self::Send => Service::Produce,
            Self::PingPong | Self::Pipelined | Self::Conns64 | Self::Conns512 | Self::Accept => Service::Echo,
            Self::BulkReceive => Service::CountBytes,
            Self::BulkSend => Service::ProducePieces,
            Self::Udp => Service::EchoDatagrams,
        }
    }
}

impl Variant {
    /// Whether it is neatflow.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Mailbox | Self::Attached | Self::FlowSet)
    }

    /// Whether it can serve with several threads.
    pub(crate) const fn spreads(self) -> bool {
        matches!(self, Self::Raw) || self.is_ours()
    }

    /// Whether it is there for this workload.
    pub(crate) const fn does(self, workload: Workload) -> bool {
        match self {
            Self::RawSingle => matches!(workload, Workload::Udp),
            Self::FlowSet => matches!(workload, Workload::Conns64 | Workload::Conns512 | Workload::Accept),
            Self::Raw | Self::Framed | Self::Actix | Self::Mailbox | Self::Attached => true,
        }
    }
}

/// What a child process is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) task: Task,
    /// Where to run; anywhere, if it is not said.
    pub(crate) core: Option<usize>,
    /// When to end, should nobody have ended it.
    pub(crate) lifetime: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Serve, tell the address, and then how much memory is in use as often as it is asked for.
    Serve(Serving),
    /// Put a load on a server, and tell what came of it.
    Load { workload: Workload, server: SocketAddr, pid: u32, warm_up: Duration, time: Duration },
    /// Exchange a frame on each of so many connections, tell that it is done, and hold them.
    Idle { server: SocketAddr, connections: usize },
    /// Ask for frames without end, tell that it is done, and read none.
    NeverRead { server: SocketAddr },
}

/// What a server is to be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Serving {
    pub(crate) variant: Variant,
    pub(crate) service: Service,
    /// How many threads serve.
    pub(crate) threads: usize,
    /// Whether it counts what it allocates.
    pub(crate) counts: bool,
}

/// What came of a load.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Operations: frames, round trips, connections, pieces, datagrams.
    pub(crate) ops: u64,
    /// How long they took, in nanoseconds.
    pub(crate) wall: u64,
    /// Processor time of the server, in nanoseconds.
    pub(crate) cpu: u64,
    /// Round trips, where each was timed, in nanoseconds.
    pub(crate) latency: Option<Latency>,
    /// Datagrams that did not come back.
    pub(crate) lost: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
}

impl Sample {
    /// Operations each second.
    pub(crate) fn rate(&self) -> f64 {
        self.ops as f64 / self.wall as f64 * 1e9
    }

    /// Processor time of the server for each operation, in nanoseconds.
    pub(crate) fn cost(&self) -> f64 {
        self.cpu as f64 / self.ops as f64
    }

    /// How much of the time the server was running.
    pub(crate) fn busy(&self) -> f64 {
        self.cpu as f64 / self.wall as f64
    }
}
