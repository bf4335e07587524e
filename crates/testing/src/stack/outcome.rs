//! What becomes of an attempt.

use neatflow_core::{Failure, Offers};
use neatflow_stacks::{Handshake, Progress, Stage};
use std::net::SocketAddr;
use std::time::Duration;

/// What becomes of an attempt, and when.
///
/// ```
/// use neatflow_testing::stack::Outcome;
/// use neatflow_stacks::Stage;
/// use std::time::Duration;
///
/// let slow_security = Outcome::connects_after(Duration::from_millis(300))
///     .reaching(Stage::Transport, Duration::from_millis(40));
/// ```
#[derive(Clone, Debug)]
pub struct Outcome {
    end: End,
    after: Duration,
    /// When its transport is up, if security comes after it.
    transport: Option<Duration>,
    /// In the order of their times.
    stages: Vec<(Duration, Stage)>,
    obtains: Option<Offers>,
    bound: Option<SocketAddr>,
}

#[derive(Clone, Debug)]
enum End {
    Connects,
    Fails(Failure),
    Panics,
    PanicsAtOnce,
    Never,
}

impl Outcome {
    /// It connects at once.
    pub fn connects() -> Self {
        Self::connects_after(Duration::ZERO)
    }

    /// It connects after this time.
    pub fn connects_after(after: Duration) -> Self {
        Self::of(End::Connects, after)
    }

    /// It is refused at once.
    pub fn refused() -> Self {
        Self::refused_after(Duration::ZERO)
    }

    /// It is refused after this time.
    pub fn refused_after(after: Duration) -> Self {
        Self::fails_after(after, Failure::Refused)
    }

    /// It fails after this time.
    pub fn fails_after(after: Duration, failure: Failure) -> Self {
        Self::of(End::Fails(failure), after)
    }

    /// Nothing is ever heard.
    pub fn silent() -> Self {
        Self::of(End::Never, Duration::ZERO)
    }

    /// The stack panics before it has made the attempt's future.
    pub fn panics() -> Self {
        Self::of(End::PanicsAtOnce, Duration::ZERO)
    }

    /// The attempt's future panics after this time.
    pub fn panics_after(after: Duration) -> Self {
        Self::of(End::Panics, after)
    }

    /// On its way it reports this stage, this long after its start.
    #[must_use]
    pub fn reaching(mut self, stage: Stage, at: Duration) -> Self {
        self.stages.push((at, stage));
        self.stages.sort_by_key(|(at, _)| *at);
        self
    }

    /// Its transport is up after this time. Then comes security: it begins when the race
    /// [allows](neatflow_stacks::Progress::may_secure) it, and what was said of the outcome counts from there.
    #[must_use]
    pub fn over_transport(self, up: Duration) -> Self {
        Self { transport: Some(up), ..self }
    }

    /// It obtains this, whatever was promised.
    #[must_use]
    pub fn obtaining(self, offers: Offers) -> Self {
        Self { obtains: Some(offers), ..self }
    }

    /// It is bound to this address, whatever was asked for.
    #[must_use]
    pub fn bound_to(self, local: SocketAddr) -> Self {
        Self { bound: Some(local), ..self }
    }

    fn of(end: End, after: Duration) -> Self {
        Self { end, after, transport: None, stages: Vec::new(), obtains: None, bound: None }
    }

    /// Whether nothing will ever be heard of it, not even of a stage.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self.end, End::Never) && self.transport.is_none() && self.stages.is_empty()
    }

    pub(super) fn panics_at_once(&self) -> bool {
        matches!(self.end, End::PanicsAtOnce)
    }

    /// Reports the stages, and returns when the attempt is over; `secures` is told when security begins, and with what.
    pub(super) async fn wait(&self, progress: &Progress, secures: impl FnOnce(Handshake)) {
        if let Some(up) = self.transport {
            rest(up).await;
            progress.reached(Stage::Transport);
            secures(progress.may_secure().await);
        }
        let mut passed = Duration::ZERO;
        let never = matches!(self.end, End::Never);
        for (at, stage) in self.stages.iter().filter(|(at, _)| never || *at <= self.after) {
            rest(at.saturating_sub(passed)).await;
            passed = *at;
            progress.reached(*stage);
        }
        if never {
            std::future::pending::<()>().await;
        }
        rest(self.after.saturating_sub(passed)).await;
    }

    /// Where it is bound, if that was said; `Err(None)` for a panic.
    pub(super) fn result(&self) -> Result<Option<SocketAddr>, Option<Failure>> {
        match &self.end {
            End::Connects | End::Never => Ok(self.bound),
            End::Fails(failure) => Err(Some(failure.clone())),
            End::Panics | End::PanicsAtOnce => Err(None),
        }
    }

    pub(super) fn obtained(&self) -> Option<Offers> {
        self.obtains.clone()
    }
}

/// No time at all is not even a turn: the timer would round it up.
async fn rest(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
