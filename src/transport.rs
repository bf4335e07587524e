//! The handle of a transport.

use actix::prelude::*;
use neatflow_actors::name_resolver::{NameServer, Resolve, Roots};
use neatflow_actors::network_monitor::messages::{NetworkChanged, Watch};
use neatflow_actors::policy_manager::files::{policy_dir, standard_places};
use neatflow_actors::policy_manager::messages::{FileReport, Files};
use neatflow_actors::supervision::{Plan, Supervise};
use neatflow_actors::transport::messages::{Arbiters, AskPolicyManager, Measure, TakeCensus};
use neatflow_actors::transport::{Config, Transport as Root};
use neatflow_actors::{Count, Measured};
use neatflow_core::policy::HostNetwork;
use neatflow_core::{Error, racing};
use neatflow_stacks::Stack;
use slog::{Drain, Logger};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A transport: the root of its own supervision tree, with its own stacks, name resolver and policy manager. One
/// for each application is the usual; nothing is global.
///
/// The handle is cheap to clone and may be used from any thread. When the last one is dropped no new connections
/// can be made; those there are live on.
#[derive(Clone, Debug)]
pub struct Transport {
    root: Addr<Root>,
}

impl Transport {
    /// Starts a transport on this arbiter, with every default.
    ///
    /// *Panics* outside of an actix system and a tokio `LocalSet`; there, use
    /// [`TransportBuilder::start_thread`].
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A transport to be configured.
    pub fn builder() -> TransportBuilder {
        let logger = Logger::root(slog_stdlog::StdLog.fuse(), slog::o!());
        TransportBuilder { config: Config::new(logger) }
    }

    /// How many of its actors are alive.
    ///
    /// *Errors*: [`Error::Stopped`]. *Cancel safety*: safe.
    pub async fn census(&self) -> Result<Count, Error> {
        self.root.send(TakeCensus).await.map_err(|_| Error::Stopped)
    }

    /// What it has counted: how its races went, and what they hid (that IPv6 or a protocol lost, how many attempts it
    /// took, how long). A snapshot.
    ///
    /// *Errors*: [`Error::Stopped`]. *Cancel safety*: safe.
    pub async fn metrics(&self) -> Result<Measured, Error> {
        self.root.send(Measure).await.map_err(|_| Error::Stopped)
    }

    /// Its further arbiters, in order; empty without a pool. Actors that are started there, and connections that are
    /// placed [there](crate::Preconnection::on), share a thread.
    ///
    /// *Errors*: [`Error::Stopped`]. *Cancel safety*: safe.
    pub async fn arbiters(&self) -> Result<Vec<ArbiterHandle>, Error> {
        self.root.send(Arbiters).await.map_err(|_| Error::Stopped)
    }

    /// From now on, tells this actor of the networks of this host: interfaces, addresses, and routes, as they change. What
    /// there is at the moment comes back at once, or `None` while that is not known. The actor is not kept alive by it,
    /// and hears of changes until it has stopped. Whoever cares about one connection subscribes to
    /// [`NetworkStatusChanged`](crate::events::NetworkStatusChanged) on it.
    ///
    /// *Errors*: [`Error::Stopped`]. *Cancel safety*: safe.
    pub async fn watch_network<A>(&self, actor: &Addr<A>) -> Result<Option<Arc<HostNetwork>>, Error>
    where
        A: Actor<Context = Context<A>> + Handler<NetworkChanged>,
    {
        self.root.send(Watch(actor.downgrade().recipient())).await.map_err(|_| Error::Stopped)
    }

    /// Which files of policies are in force, and which were refused, with line and reason.
    ///
    /// *Errors*: [`Error::Stopped`]. *Cancel safety*: safe.
    pub async fn policy_files(&self) -> Result<FileReport, Error> {
        self.root.send(AskPolicyManager(Files)).await.ok().flatten().ok_or(Error::Stopped)
    }

    pub(crate) fn root(&self) -> &Addr<Root> {
        &self.root
    }
}

/// A transport to be configured.
#[derive(Clone, Debug)]
#[must_use]
pub struct TransportBuilder {
    config: Config,
}

impl TransportBuilder {
    /// Adds a protocol stack, in place of one with the same name.
    pub fn stack(mut self, stack: impl Stack) -> Self {
        self.config.registry.register(Arc::new(stack));
        self
    }

    /// Asks these name servers, in this order: addresses, or [`NameServer`]s that are asked over TLS or HTTPS.
    /// Default: those of the system.
    pub fn name_servers(mut self, servers: impl IntoIterator<Item = impl Into<NameServer>>) -> Self {
        self.config.resolver.servers = Some(servers.into_iter().map(Into::into).collect());
        self
    }

    /// Trusts these authorities, by their certificates in DER, and no others to vouch for name servers that are asked
    /// over TLS or HTTPS. Default: those that the system trusts.
    pub fn name_server_authorities(mut self, certificates: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.config.resolver.roots = Roots::Only(certificates.into_iter().collect());
        self
    }

    /// How long a name may take to resolve. Default: 5 s.
    pub fn resolution_timeout(mut self, timeout: Duration) -> Self {
        self.config.resolver.timeout = timeout;
        self
    }

    /// The file that is asked before the name servers. Default: the system's.
    pub fn hosts_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.resolver.hosts_file = path.into();
        self
    }

    /// Has this actor resolve names, in place of the name resolver.
    pub fn resolver(mut self, resolver: Recipient<Resolve>) -> Self {
        self.config.other_resolver = Some(resolver);
        self
    }

    /// Has a policy daemon decide besides, over its `neat_pm_socket` (`neatflow policyd`, or NEAT's own): of what is
    /// eligible here it rules out, reorders and adds, and breaks no Require and no Prohibit. Each answer may take a
    /// second; without one nothing is established (`PolicyUnavailable`), unless
    /// [`remote_policy::Config`](crate::remote_policy::Config) says otherwise. Default: none. Listeners do not ask it.
    #[cfg(unix)]
    pub fn policy_daemon(mut self, daemon: crate::remote_policy::Config) -> Self {
        self.config.remote_policy = Some(daemon);
        self
    }

    /// Reads policies, profiles and nodes of the CIB there: `*.policy`, `*.profile` and `*.cib`, in the directory itself
    /// and in `pib` and `cib` in it. They are in force before the first connection is established, and within a second
    /// of a change; a directory need not exist yet. A file that is not understood is refused, which is logged and told
    /// by [`Transport::policy_files`], and the others stay in force. May be said several times. Default: none, not even
    /// those of the host ([`standard_policies`](Self::standard_policies)).
    pub fn policy_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.config.policy.directories.extend(policy_dir(path));
        self
    }

    /// Reads the policies of this host and this user besides: those in `/etc/neatflow`, and in `neatflow` in
    /// `$XDG_CONFIG_HOME` or `~/.config`. As [`policy_dir`](Self::policy_dir) for each; the command `neatflow` does
    /// this.
    pub fn standard_policies(self) -> Self {
        standard_places().iter().fold(self, Self::policy_dir)
    }

    /// Keeps what connections teach (which protocol works to whom, how fast) in this file from one run to the next. It
    /// is written within a second, and at the end, and replaced as a whole; one that is damaged is set aside with a
    /// warning. At most 1,024 peers and 1 MiB; success is believed for an hour. It tells whom this user has connected
    /// to, and only this user may read it. Default: nothing is kept.
    pub fn policy_cache(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.policy.cache = Some(path.into());
        self
    }

    /// How candidates are raced. Default: RFC 8305.
    pub fn racing(mut self, config: racing::Config) -> Self {
        self.config.racing = config;
        self
    }

    /// Gives it a pool of this many further arbiters, each on a thread of its own (`neatflow-1`, `neatflow-2`, ..).
    /// They are for listeners with [staff](crate::Preconnection::subscribe_each), and for what is
    /// [placed](crate::Preconnection::on) there; all else stays on the transport's own arbiter. Default: 0, at most
    /// [`MOST_ARBITERS`](crate::placement::MOST_ARBITERS); one for each processor that is to serve is the usual.
    ///
    /// They end when the transport and everybody on it has ended, or with the transport's arbiter. If they cannot be
    /// started, or are too many, the transport stops at once, which it logs, and everything asked of it is
    /// [`Error::Stopped`]; `start_thread` says so itself.
    pub fn arbiters(mut self, count: usize) -> Self {
        self.config.arbiters = count;
        self
    }

    /// Has its arbiters, its own among them, [stay awake](crate::placement::spin) until nothing was received for this
    /// long: for latency, where processors are to spare. Default: they sleep at once.
    pub fn spinning(mut self, idle: Duration) -> Self {
        self.config.spinning = Some(idle);
        self
    }

    /// Where it logs. Default: the `log` crate, by slog-stdlog.
    pub fn logger(mut self, logger: Logger) -> Self {
        self.config.logger = logger;
        self
    }

    /// Starts it on this arbiter.
    ///
    /// *Panics* outside of an actix system and a tokio `LocalSet`; there, use [`start_thread`](Self::start_thread).
    pub fn start(self) -> Transport {
        let (root, _) = Root::new(self.config);
        let supervise = supervision(&root);
        Transport { root: supervise.start(|_| root).addr().clone() }
    }

    /// Starts it on another arbiter.
    pub fn start_on(self, arbiter: &ArbiterHandle) -> Transport {
        let (root, _) = Root::new(self.config);
        let supervise = supervision(&root).on(arbiter);
        Transport { root: supervise.start(|_| root).addr().clone() }
    }

    /// Starts it on a thread of its own, for programs that are not actix's. The thread ends when the last handle
    /// was dropped and every connection has ended.
    ///
    /// *Errors*: the thread, or one of its further arbiters, could not be started.
    pub fn start_thread(self) -> io::Result<Transport> {
        let (tell, started) = std::sync::mpsc::sync_channel(1);
        let config = self.config;
        std::thread::Builder::new().name("neatflow".into()).spawn(move || {
            System::new().block_on(async move {
                let (mut root, end) = Root::new(config);
                if let Err(error) = root.start_arbiters() {
                    return drop(tell.send(Err(error)));
                }
                // Whoever started us may be gone: then so is the only handle, and the end comes at once.
                let supervise = supervision(&root);
                let _ = tell.send(Ok(supervise.start(|_| root).addr().clone()));
                let _ = end.await;
            });
        })?;
        let root = started.recv().map_err(|_| io::Error::other("the transport's thread ended at once"))??;
        Ok(Transport { root })
    }
}

/// The root is its own supervisor: a panic of it restarts it, and its children live on.
fn supervision(root: &Root) -> Supervise {
    Supervise::new(Plan::permanent()).name("transport").logger(root.logger().clone())
}
