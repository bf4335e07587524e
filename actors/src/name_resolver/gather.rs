//! Every address of a name at once, for those who cannot use them one by one.

use super::messages::{Answered, QueryId, Resolve};
use super::services::settle_services;
use crate::transport::Services;
use actix::prelude::*;
use futures::channel::oneshot;
use neatflow_core::policy::Request;
use neatflow_core::racing::Address;
use neatflow_core::resolution::Kinds;
use neatflow_core::{LocalEndpoint, RemoteEndpoint, ResolutionFailure};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The request with ports in place of services, and addresses in place of the names among its local endpoints; each
/// may take as long as `patience`. And why remote endpoints are left out, if some are. Needs an arbiter.
///
/// *Errors*: no remote endpoint is left, or a local one cannot be had.
pub(crate) async fn settle(
    services: &Services,
    request: Arc<Request>,
) -> Result<(Arc<Request>, Vec<ResolutionFailure>), ResolutionFailure> {
    let (request, failures) = settle_services(services.providers.as_ref(), request).await?;
    if request.locals.iter().all(|local| local.unresolved().is_none()) {
        return Ok((request, failures));
    }
    let mut locals = Vec::new();
    for local in &request.locals {
        let addresses = addresses(&services.resolver, services.patience, local.unresolved()).await?;
        locals.extend(each(local, addresses, LocalEndpoint::resolved));
    }
    Ok((Arc::new(Request { locals, ..Request::clone(&request) }), failures))
}

/// The remote endpoints with addresses in place of their names (RFC 9622 §7.3); each may take as long as
/// `patience`. Needs an arbiter.
pub(crate) async fn settle_remotes(
    resolver: Recipient<Resolve>,
    patience: Duration,
    request: Arc<Request>,
) -> Result<Vec<RemoteEndpoint>, ResolutionFailure> {
    let mut remotes = Vec::new();
    for remote in &request.remotes {
        let addresses = addresses(&resolver, patience, remote.unresolved()).await?;
        remotes.extend(each(remote, addresses, RemoteEndpoint::resolved));
    }
    Ok(remotes)
}

/// The endpoint with each of the addresses; as it is, if it needs none.
fn each<E: Clone>(endpoint: &E, addresses: Option<Vec<IpAddr>>, at: fn(E, IpAddr) -> E) -> Vec<E> {
    match addresses {
        Some(addresses) => addresses.into_iter().map(|address| at(endpoint.clone(), address)).collect(),
        None => vec![endpoint.clone()],
    }
}

/// Every address of a name, in the order of the answers; or why it has none.
async fn addresses(
    resolver: &Recipient<Resolve>,
    patience: Duration,
    name: Option<&Arc<str>>,
) -> Result<Option<Vec<IpAddr>>, ResolutionFailure> {
    let Some(name) = name else { return Ok(None) };
    let gone = |error: String| ResolutionFailure::Other { name: name.clone(), why: error.into() };
    let (tell, gathered) = oneshot::channel();
    let gatherer = Gatherer { tell: Some(tell), addresses: Vec::new(), failure: None }.start();
    let question = Resolve::new(QueryId(0), name.clone(), Kinds::ADDRESSES, gatherer.recipient());
    resolver.send(question).await.map_err(|error| gone(format!("name resolver: {error}")))?;
    // The resolver keeps its own time and can say more; this is for one that does not.
    match tokio::time::timeout(patience, gathered).await {
        Ok(outcome) => outcome.map_err(|error| gone(error.to_string()))?.map(Some),
        Err(_) => Err(ResolutionFailure::TimedOut { name: name.clone(), after: patience }),
    }
}

/// Collects the answers to one question.
struct Gatherer {
    tell: Option<oneshot::Sender<Result<Vec<IpAddr>, ResolutionFailure>>>,
    addresses: Vec<IpAddr>,
    failure: Option<ResolutionFailure>,
}

impl Actor for Gatherer {
    type Context = Context<Self>;
}

impl Handler<Answered> for Gatherer {
    type Result = ();

    fn handle(&mut self, answer: Answered, ctx: &mut Self::Context) {
        match answer.result {
            Ok(records) => self.addresses.extend(records.addresses().iter().map(Address::ip)),
            Err(failure) => {
                self.failure.get_or_insert(failure);
            }
        }
        if !answer.last {
            return;
        }
        let addresses = std::mem::take(&mut self.addresses);
        let outcome = match self.failure.take() {
            Some(failure) if addresses.is_empty() => Err(failure),
            _ => Ok(addresses),
        };
        if let Some(tell) = self.tell.take() {
            // Whoever asked may have lost interest.
            let _ = tell.send(outcome);
        }
        ctx.stop();
    }
}
