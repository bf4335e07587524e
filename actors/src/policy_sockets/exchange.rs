//! One client: its request is read, asked, and answered.

use super::{CIB_SOCKET, Config, PM_SOCKET};
use crate::policy_manager::PolicyManager;
use crate::policy_manager::messages::{Ask, Base, Import};
use actix::prelude::*;
use futures::channel::oneshot;
use futures::future::{Either, select};
use neatflow_core::policy::daemon::{
    Exchange, ExchangeFault, Shop, VisitorId, reply_candidates, reply_error, reply_imported,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Who is telling a request, and how each can be sent away.
#[derive(Clone, Debug)]
pub(super) struct Visitors {
    inside: Rc<RefCell<Inside>>,
    /// One request at a time is with the policy manager: it answers no faster if there are more.
    turn: Rc<Semaphore>,
}

#[derive(Debug)]
struct Inside {
    shop: Shop,
    /// Dropping its end sends one away.
    doors: BTreeMap<VisitorId, oneshot::Sender<()>>,
}

impl Visitors {
    pub(super) fn new(config: &Config) -> Self {
        let shop = Shop::new(config.visitors, neatflow_core::policy::daemon::MAX_HELD);
        let inside = Rc::new(RefCell::new(Inside { shop, doors: BTreeMap::new() }));
        Self { inside, turn: Rc::new(Semaphore::new(1)) }
    }

    /// Waits until it is this one's turn; whoever came first is first.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.turn.acquire().await.ok()
    }

    /// One more, who may have to go later.
    pub(super) fn enter(&self) -> Visitor {
        let (go, gone) = oneshot::channel();
        let Inside { shop, doors } = &mut *self.inside.borrow_mut();
        let (id, goes) = shop.enter();
        goes.map(|goes| doors.remove(&goes));
        doors.insert(id, go);
        Visitor { id, gone: Some(gone), visitors: self.clone() }
    }
}

/// One that is telling its request.
pub(super) struct Visitor {
    id: VisitorId,
    gone: Option<oneshot::Receiver<()>>,
    visitors: Visitors,
}

impl Visitor {
    /// So much of its request is held now.
    fn holds(&self, bytes: usize) {
        let Inside { shop, doors } = &mut *self.visitors.inside.borrow_mut();
        for goes in shop.holds(self.id, bytes) {
            doors.remove(&goes);
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let Inside { shop, doors } = &mut *self.visitors.inside.borrow_mut();
        shop.leave(self.id);
        doors.remove(&self.id);
    }
}

/// How long one that has to go may take to hear why.
const FAREWELL: Duration = Duration::from_millis(100);

/// Of what is said after the request so much is read at most.
const MOST_DROPPED: usize = 64 << 20;

/// Serves one client. It may have to go at any time while it is here.
pub(super) async fn serve(
    socket: &'static str,
    mut stream: UnixStream,
    mut visitor: Visitor,
    manager: Addr<PolicyManager>,
    config: Config,
) -> io::Result<()> {
    let Some(mut gone) = visitor.gone.take() else { return Ok(()) };
    let told = {
        let listening = pin!(timeout(config.patience, listen(&mut stream, &visitor)));
        match select(listening, &mut gone).await {
            Either::Left((told, _)) => Some(told.unwrap_or(Ok(Err(ExchangeFault::Slow)))?),
            Either::Right(_) => None,
        }
    };
    let Some(told) = told else {
        let why = reply_error(&ExchangeFault::Crowded);
        return timeout(FAREWELL, stream.write_all(why.as_bytes())).await.unwrap_or(Ok(()));
    };
    // A request is held until it is answered, and then the answer until it is taken.
    visitor.holds(told.as_ref().map_or(0, String::len));
    let patience = config.patience;
    let answering = async {
        let reply = match told {
            Ok(request) if request.trim().is_empty() => return Ok(()),
            Ok(request) => {
                // One after the other: what waits here goes when its client has to go.
                let _turn = visitor.visitors.turn().await;
                answer(socket, request, &manager).await
            }
            Err(fault) => reply_error(&fault),
        };
        visitor.holds(reply.len());
        let taken = async {
            stream.write_all(reply.as_bytes()).await?;
            stream.shutdown().await?;
            drop_rest(&mut stream).await
        };
        timeout(patience, taken).await.unwrap_or(Ok(()))
    };
    let answered = match select(pin!(answering), gone).await {
        Either::Left((answered, _)) => Some(answered),
        Either::Right(_) => None,
    };
    match answered {
        Some(answered) => answered,
        // It may have had a part of its answer: then what comes now is no answer, either.
        None => {
            let why = reply_error(&ExchangeFault::Crowded);
            timeout(FAREWELL, stream.write_all(why.as_bytes())).await.unwrap_or(Ok(()))
        }
    }
}

/// What a client still says is read and dropped, so that its end is one, and no reset.
async fn drop_rest(stream: &mut UnixStream) -> io::Result<()> {
    let (mut rest, mut dropped) = ([0; 4096], 0);
    while dropped < MOST_DROPPED {
        match stream.read(&mut rest).await? {
            0 => break,
            read => dropped += read,
        }
    }
    Ok(())
}

/// Reads the request.
async fn listen(stream: &mut UnixStream, visitor: &Visitor) -> io::Result<Result<String, ExchangeFault>> {
    let mut exchange = Exchange::new();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let told = match stream.read(&mut buffer).await? {
            0 => exchange.finish().map(Some),
            read => exchange.receive(&buffer[..read]),
        };
        match told {
            Ok(None) => visitor.holds(exchange.held()),
            Ok(Some(request)) => return Ok(Ok(request)),
            Err(fault) => return Ok(Err(fault)),
        }
    }
}

async fn answer(socket: &'static str, request: String, manager: &Addr<PolicyManager>) -> String {
    let gone = |_: MailboxError| reply_error("the policy manager is gone");
    if socket == PM_SOCKET {
        return match manager.send(Ask { request }).await {
            Ok(Ok(candidates)) => reply_candidates(&candidates),
            Ok(Err(error)) => reply_error(&error),
            Err(error) => gone(error),
        };
    }
    let base = if socket == CIB_SOCKET { Base::Cib } else { Base::Pib };
    match manager.send(Import { base, text: request, uid: None }).await {
        Ok(Ok(imported)) => reply_imported(&imported),
        Ok(Err(error)) => reply_error(&error),
        Err(error) => gone(error),
    }
}
