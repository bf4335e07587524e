//! The PolicySockets actor.

use super::Config;
use super::exchange::{Visitors, serve};
use super::files::SocketFiles;
use crate::policy_manager::PolicyManager;
use actix::prelude::*;
use slog::{Logger, debug, warn};
use std::time::Duration;
use tokio::net::UnixListener;

/// When nobody can be accepted (too many open files), this long nobody is.
const REST: Duration = Duration::from_millis(50);

/// Serves NEAT's three sockets, until it stops; its clients are not waited for then.
#[derive(Debug)]
pub struct PolicySockets {
    files: SocketFiles,
    manager: Addr<PolicyManager>,
    config: Config,
    logger: Logger,
}

impl PolicySockets {
    /// Serves these sockets by asking this policy manager.
    pub fn new(files: SocketFiles, manager: Addr<PolicyManager>, config: Config, logger: Logger) -> Self {
        Self { files, manager, config, logger }
    }

    fn accept(&self, socket: &'static str, listener: UnixListener, ctx: &mut Context<Self>) {
        let Self { manager, config, logger, .. } = self;
        let (manager, config, logger) = (manager.clone(), *config, logger.clone());
        let visitors = Visitors::new(&config);
        let serving = async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let (visitor, logger) = (visitors.enter(), logger.clone());
                        let exchange = serve(socket, stream, visitor, manager.clone(), config);
                        actix_rt::spawn(async move {
                            if let Err(reason) = exchange.await {
                                debug!(logger, "a client left"; "socket" => socket, "reason" => %reason);
                            }
                        });
                    }
                    Err(reason) => {
                        warn!(logger, "cannot accept"; "socket" => socket, "reason" => %reason);
                        tokio::time::sleep(REST).await;
                    }
                }
            }
        };
        ctx.spawn(serving.into_actor(self));
    }
}

impl Actor for PolicySockets {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for (name, listener) in &self.files.listeners {
            match listener.try_clone().and_then(UnixListener::from_std) {
                Ok(listener) => self.accept(name, listener, ctx),
                Err(reason) => {
                    warn!(self.logger, "cannot serve"; "socket" => name, "reason" => %reason);
                    ctx.stop();
                }
            }
        }
    }
}

/// The next incarnation accepts from the same sockets.
impl Supervised for PolicySockets {}
