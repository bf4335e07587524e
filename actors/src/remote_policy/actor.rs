//! The RemotePolicy actor.

use super::client::{AskError, ask};
use super::{Absent, Config};
use crate::policy_manager::PolicyManager;
use crate::policy_manager::messages::{Eligibility, Eligible, Observe, Rank, Ranked};
use actix::prelude::*;
use neatflow_core::EstablishmentFailure;
use neatflow_core::policy::remote::{eligible, post_resolve, pre_resolve, ranked};
use slog::{Logger, debug, warn};
use std::fmt::Display;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// So many answers are waited for at a time; whoever comes then waits. A burst would fill the backlog of a daemon, or
/// have it send away whoever came first.
const AT_A_TIME: usize = 64;

/// Answers races with what a policy daemon makes of what the transport's own policy manager says.
#[derive(Debug)]
pub struct RemotePolicy {
    config: Config,
    own: Addr<PolicyManager>,
    places: Arc<Semaphore>,
    logger: Logger,
}

impl RemotePolicy {
    /// Asks this daemon about what this policy manager says.
    pub fn new(config: Config, own: Addr<PolicyManager>, logger: Logger) -> Self {
        Self { config, own, places: Arc::new(Semaphore::new(AT_A_TIME)), logger }
    }

    /// What holds without an answer: an error, or nothing if the own policy manager is to decide alone.
    fn absent(config: &Config, logger: &Logger, why: impl Display) -> Option<EstablishmentFailure> {
        let socket = config.socket.display().to_string();
        match config.absent {
            Absent::Fail => Some(EstablishmentFailure::PolicyUnavailable {
                socket: socket.into(),
                why: why.to_string().into(),
            }),
            Absent::Alone => {
                warn!(logger, "no answer from the policy daemon: deciding alone";
                    "socket" => socket, "reason" => %why);
                None
            }
        }
    }
}

/// Asks the daemon, when it is this one's turn.
async fn ask_in_turn(places: &Semaphore, config: &Config, asked: &str) -> Result<String, AskError> {
    // It is never closed.
    let _place = places.acquire().await;
    ask(&config.socket, asked, config.timeout).await
}

impl Actor for RemotePolicy {
    type Context = Context<Self>;
}

impl Supervised for RemotePolicy {}

impl Handler<Eligible> for RemotePolicy {
    type Result = ResponseFuture<Result<Eligibility, EstablishmentFailure>>;

    fn handle(&mut self, call: Eligible, _: &mut Self::Context) -> Self::Result {
        let (config, logger, request) = (self.config.clone(), self.logger.clone(), call.request.clone());
        let (own, places) = (self.own.send(call), self.places.clone());
        Box::pin(async move {
            let gone = |error: MailboxError| {
                EstablishmentFailure::Stopped(format!("policy manager: {error}").into())
            };
            let mut eligibility = own.await.map_err(gone)??;
            // Call 2 is asked here as well.
            eligibility.first = None;
            let asked = pre_resolve(&request, &eligibility.branches);
            let left = match ask_in_turn(&places, &config, &asked).await {
                Ok(answer) => {
                    eligible(&request, &eligibility.branches, &answer).map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            match left {
                Ok(left) if left.is_empty() => return Err(ruled_out(&config)),
                Ok(left) => eligibility.branches = left.into(),
                Err(why) => Self::absent(&config, &logger, why).map_or(Ok(()), Err)?,
            }
            debug!(logger, "call 1 elsewhere"; "branches" => eligibility.branches.len());
            Ok(eligibility)
        })
    }
}

impl Handler<Rank> for RemotePolicy {
    type Result = ResponseFuture<Ranked>;

    fn handle(&mut self, call: Rank, _: &mut Self::Context) -> Self::Result {
        let (config, logger, request) = (self.config.clone(), self.logger.clone(), call.request.clone());
        let roster = call.roster.clone();
        let (own, places) = (self.own.send(call), self.places.clone());
        Box::pin(async move {
            let mut reply = match own.await {
                Ok(reply) => reply,
                Err(error) => {
                    let why = EstablishmentFailure::Stopped(format!("policy manager: {error}").into());
                    return Ranked { candidates: Vec::new(), roster, why_none: Some(why) };
                }
            };
            if reply.candidates.is_empty() {
                return reply;
            }
            let asked = post_resolve(&reply.candidates);
            let left = match ask_in_turn(&places, &config, &asked).await {
                Ok(answer) => ranked(&request, &reply.candidates, &answer).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match left {
                Ok(left) => {
                    debug!(logger, "call 2 elsewhere"; "of" => reply.candidates.len(), "left" => left.len());
                    reply.why_none = left.is_empty().then(|| ruled_out(&config));
                    reply.candidates = left;
                }
                Err(why) => {
                    if let Some(failure) = Self::absent(&config, &logger, why) {
                        reply.candidates.clear();
                        reply.why_none = Some(failure);
                    }
                }
            }
            reply
        })
    }
}

impl Handler<Observe> for RemotePolicy {
    type Result = ();

    fn handle(&mut self, told: Observe, _: &mut Self::Context) {
        #[expect(clippy::disallowed_methods, reason = "passed on: one for each race and each flow")]
        self.own.do_send(told);
    }
}

fn ruled_out(config: &Config) -> EstablishmentFailure {
    let why = format!("the policy daemon at {} rules everything out", config.socket.display()).into();
    EstablishmentFailure::NoCandidates { properties: Vec::new(), why }
}
