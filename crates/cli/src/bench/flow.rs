//! One flow of a client: what it sends, and whether that comes back.

use super::args::{self, Mode};
use super::tally::Tally;
use super::way::{InOrder, NoEcho, Numbered};
use bytes::Bytes;
use neatflow::{Connection, Message};
use std::time::{Duration, Instant};

/// What is queued of a flow that is not answered, at most, unless more is asked for.
const BATCH: usize = 128 * 1024;

/// The same for all flows together.
const BATCHES: usize = 64 << 20;

/// Messages up to this size are sent in batches.
const SMALL: usize = 1024;

/// How long to wait, unless it is said: for datagrams, which may be lost, and for byte streams.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// What every flow is to do.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mode: Mode,
    pub(super) depth: usize,
    pub(super) count: Option<u64>,
    /// The content of each message.
    content: Bytes,
    /// The same for a datagram, to be numbered.
    datagram: Vec<u8>,
    wait: Option<Duration>,
}

impl Plan {
    pub(super) fn new(args: &args::Client) -> Self {
        let size = args.size as usize;
        let content: Vec<u8> = (0..size).map(|at| (at ^ (at >> 8)) as u8).collect();
        let batch = (BATCHES / args.flows as usize).min(BATCH) / size;
        let depth = match (args.depth, args.mode) {
            (Some(depth), _) => depth as usize,
            (None, Mode::Echo) => 1,
            (None, Mode::Discard) => batch.max(1),
        };
        Self {
            mode: args.mode,
            depth,
            count: args.count,
            datagram: content.clone(),
            content: content.into(),
            wait: args.wait,
        }
    }

    /// How often to look whether somebody has waited for too long.
    pub(super) fn tick(&self) -> Duration {
        let shortest = self.wait.unwrap_or(WAITS.0);
        (shortest / 4).clamp(Duration::from_millis(2), Duration::from_millis(100))
    }
}

/// What is to become of a flow.
#[derive(Debug)]
pub(super) enum Fate {
    GoesOn,
    /// It has done what it was to do.
    Done,
    Failed(String),
}

#[derive(Debug)]
pub(super) struct Flow {
    pub(super) connection: Connection,
    /// `None` until it is established.
    way: Option<Way>,
    sent: u64,
    /// Nothing is to be sent until the queue has room.
    full: bool,
    answered: bool,
    /// When something has come, or was taken.
    moved: Instant,
    /// It is closed, or aborted, by us: what comes now says nothing.
    pub(super) leaving: bool,
    aborted: bool,
}

#[derive(Debug)]
enum Way {
    Discard { datagrams: bool },
    Stream(InOrder),
    Datagrams(Numbered),
}

impl Flow {
    pub(super) fn new(connection: Connection) -> Self {
        let moved = Instant::now();
        Self {
            connection,
            way: None,
            sent: 0,
            full: false,
            answered: false,
            moved,
            leaving: false,
            aborted: false,
        }
    }

    /// It is established.
    pub(super) fn ready(&mut self, plan: &Plan) {
        let datagrams = self.connection.preserves_boundaries() == Some(true);
        self.way = Some(match plan.mode {
            Mode::Discard => Way::Discard { datagrams },
            Mode::Echo if datagrams => Way::Datagrams(Numbered::new(plan.content.len())),
            Mode::Echo => Way::Stream(InOrder::default()),
        });
    }

    fn carries_datagrams(&self) -> bool {
        matches!(self.way, Some(Way::Datagrams(_) | Way::Discard { datagrams: true }))
    }

    /// Sends as much as may be on its way.
    pub(super) fn send(&mut self, plan: &mut Plan, tally: &mut Tally, now: Instant) {
        let Self { connection, way: Some(way), sent, full, leaving: false, .. } = self else { return };
        let Plan { depth, count, content, datagram, .. } = plan;
        let left = |sent: u64| count.is_none_or(|count| sent < count);
        let mut batch = 0;
        let mut may_send = |way: &mut Way| {
            let room = match way {
                Way::Discard { .. } => batch < *depth,
                Way::Stream(way) => way.on_the_way() < *depth,
                Way::Datagrams(way) => way.on_the_way() < *depth && way.has_room(),
            };
            batch += 1;
            room
        };
        let before = *sent;
        // Each datagram is another one, so it is copied anyway.
        let mut writer =
            (content.len() <= SMALL || matches!(way, Way::Datagrams(_))).then(|| connection.writer());
        while !*full && left(*sent) && may_send(way) {
            let message = match way {
                Way::Discard { .. } => &content[..],
                Way::Stream(way) => {
                    way.sent(now);
                    &content[..]
                }
                Way::Datagrams(way) => {
                    way.sent(datagram, now);
                    &datagram[..]
                }
            };
            *full = match &mut writer {
                Some(writer) => !writer.send(message),
                None => {
                    let sending = connection.send(Message::new(content.clone()));
                    if sending.id().is_none() {
                        // It has ended, and is about to say so.
                        break;
                    }
                    sending.is_high()
                }
            };
            *sent += 1;
        }
        if let Some(mut writer) = writer
            && writer.flush().is_err()
        {
            // The same.
            *sent = before;
        }
        // What is not answered is paced by what is taken.
        *full |= matches!(way, Way::Discard { .. }) && *sent > before;
        tally.sent += *sent - before;
    }

    /// The queue has room again.
    pub(super) fn room(&mut self, now: Instant) {
        self.full = false;
        self.moved = now;
    }

    /// This came.
    pub(super) fn came(&mut self, data: &[u8], plan: &Plan, tally: &mut Tally, now: Instant) -> Fate {
        self.moved = now;
        self.answered = true;
        match &mut self.way {
            None | Some(Way::Discard { .. }) => {}
            Some(Way::Stream(way)) => {
                if way.came(data, &plan.content, now, |took| tally.took(took)) == Err(NoEcho) {
                    return Fate::Failed("what came back is not what was sent".to_owned());
                }
                tally.span.extend(now);
            }
            Some(Way::Datagrams(way)) => {
                // Two in one are none of those that were sent.
                let whole = data.len() == plan.content.len();
                match whole.then(|| way.came(data)).flatten() {
                    Some(sent) => {
                        tally.took(now.saturating_duration_since(sent));
                        tally.span.extend(now);
                    }
                    None => tally.stray += 1,
                }
            }
        }
        Fate::GoesOn
    }

    /// This was not sent.
    pub(super) fn unsent(&mut self, data: &[u8], tally: &mut Tally) {
        tally.sent = tally.sent.saturating_sub(1);
        if let Some(Way::Datagrams(way)) = &mut self.way {
            way.came(data);
        }
    }

    /// Nobody listens there: how bad that is.
    pub(super) fn refused(&self, reason: String) -> Fate {
        if self.carries_datagrams() && !self.answered { Fate::Failed(reason) } else { Fate::GoesOn }
    }

    /// The peer sends no more.
    pub(super) fn finished(&self) -> Fate {
        match &self.way {
            Some(Way::Stream(_)) => Fate::Failed("the peer ended before everything was answered".to_owned()),
            _ => Fate::GoesOn,
        }
    }

    /// What has become of it by now, if it may send (`sends`) or is to send no more.
    pub(super) fn fate(&mut self, plan: &Plan, tally: &mut Tally, sends: bool, now: Instant) -> Fate {
        let usual = if self.carries_datagrams() { WAITS.0 } else { WAITS.1 };
        let wait = plan.wait.unwrap_or(usual);
        let late = now.saturating_duration_since(self.moved) >= wait;
        let Some(way) = &mut self.way else { return Fate::GoesOn };
        if let Way::Datagrams(way) = way
            && let Some(then) = now.checked_sub(wait)
        {
            tally.lost += way.lose(then);
        }
        let (on_the_way, is_stream) = match way {
            Way::Discard { datagrams } => (usize::from(self.full), !*datagrams),
            Way::Stream(way) => (way.on_the_way(), true),
            Way::Datagrams(way) => (way.on_the_way(), false),
        };
        let more = sends && plan.count.is_none_or(|count| self.sent < count);
        let closes = matches!(way, Way::Discard { .. });
        if is_stream && late && !self.aborted && (on_the_way > 0 || self.leaving) {
            return Fate::Failed(format!("nothing moved for {wait:?}"));
        }
        if more || self.leaving || (on_the_way > 0 && !closes) {
            return Fate::GoesOn;
        }
        if matches!(way, Way::Datagrams(_)) && !self.answered && self.sent > 0 {
            return Fate::Failed("not one datagram came back".to_owned());
        }
        Fate::Done
    }

    /// It has done what it was to do: closes it.
    pub(super) fn close(&mut self, now: Instant) {
        self.moved = now;
        self.leaving = true;
        self.connection.close();
    }

    /// Whether its end was our doing, and has been told.
    pub(super) fn is_aborted(&self) -> bool {
        self.aborted
    }

    pub(super) fn abort(&mut self) {
        self.leaving = true;
        self.aborted = true;
        self.connection.abort();
    }
}
