//! Measurements: a server, a client, and what came of it; all variants in turns, so that they share the machine's mood.

use crate::Failure;
use crate::child::Process;
use crate::options::Options;
use crate::order::{Order, Sample, Service, Serving, Task, Variant, Workload};
use crate::sys;
use std::net::SocketAddr;
use std::time::Duration;

/// How long a child may take for anything but the work itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a measurement may take, with what precedes it.
const LONGEST: Duration = Duration::from_secs(120);

/// Where servers and clients run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    server: Option<usize>,
    client: Option<usize>,
}

impl Cores {
    /// A core for the server and another for the client, if there are two.
    pub(crate) fn apart() -> Self {
        match sys::cores().as_slice() {
            // Whether it is allowed shows when it is tried.
            [.., client, server] if may_pin(*server) && may_pin(*client) => {
                Self { server: Some(*server), client: Some(*client) }
            }
            _ => Self { server: None, client: None },
        }
    }

    pub(crate) fn describe(self) -> String {
        match (self.server, self.client) {
            (Some(server), Some(client)) => format!("server on core {server}, client on core {client}"),
            _ => "unpinned: there are not two cores that processes can be bound to".into(),
        }
    }
}

/// Tried on a thread that ends at once, so that nobody else is bound.
fn may_pin(core: usize) -> bool {
    std::thread::spawn(move || sys::pin(core)).join().is_ok_and(|pinned| pinned.is_ok())
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    pub(crate) workload: Workload,
    /// How many connections are idle beside it.
    pub(crate) idle: usize,
    /// How many threads serve; with more than one, nobody is bound to a core.
    pub(crate) threads: usize,
}

impl Scene {
    /// A workload by itself, on one thread.
    pub(crate) const fn of(workload: Workload) -> Self {
        Self { workload, idle: 0, threads: 1 }
    }

    /// A workload beside so many idle connections.
    pub(crate) const fn beside(idle: usize, workload: Workload) -> Self {
        Self { workload, idle, threads: 1 }
    }

    /// A workload served by so many threads.
    pub(crate) const fn on(threads: usize, workload: Workload) -> Self {
        Self { workload, idle: 0, threads }
    }

    pub(crate) fn name(self) -> String {
        match (self.idle, self.threads) {
            (0, 1) => self.workload.name().into(),
            (0, threads) => format!("threads_{threads}"),
            (idle, _) => format!("idle_{idle}"),
        }
    }

    fn has(self, variant: Variant) -> bool {
        variant.does(self.workload) && (self.threads == 1 || variant.spreads())
    }
}

/// Every sample of one variant, by rounds.
pub(crate) struct Series {
    pub(crate) variant: Variant,
    pub(crate) samples: Vec<Sample>,
}

/// Measures all variants that are asked for and there, in turns: forwards in one round, backwards in the next.
pub(crate) fn rounds(scene: Scene, options: &Options, cores: Cores) -> Result<Vec<Series>, Failure> {
    let cores = if scene.threads == 1 { cores } else { Cores { server: None, client: None } };
    let variants = options.baselines.iter().chain(&options.modes).copied();
    let mut series: Vec<_> = variants
        .filter(|variant| scene.has(*variant))
        .map(|variant| Series { variant, samples: Vec::new() })
        .collect();
    for _ in 0..options.rounds {
        for one in &mut series {
            let sample = sample(one.variant, scene, options, cores)
                .map_err(|failure| format!("{} {}: {failure}", scene.name(), one.variant.name()))?;
            one.samples.push(sample);
        }
        series.reverse();
    }
    if options.rounds % 2 == 1 {
        series.reverse();
    }
    Ok(series)
}

fn sample(variant: Variant, scene: Scene, options: &Options, cores: Cores) -> Result<Sample, Failure> {
    let Scene { workload, idle, threads } = scene;
    let serving = Serving { variant, service: workload.service(), threads, counts: false };
    let server = Server::start(serving, cores)?;
    let held = match idle {
        0 => None,
        connections => Some(client(Task::Idle { server: server.address, connections }, cores)?),
    };
    let task = Task::Load {
        workload,
        server: server.address,
        pid: server.process.id(),
        warm_up: options.warm_up,
        time: options.time,
    };
    let lifetime = options.time + options.warm_up + PATIENCE;
    let load = Process::start(&Order { task, core: cores.client, lifetime })?;
    let sample = serde_json::from_str(&load.hear(lifetime)?)?;
    drop(held);
    Ok(sample)
}

struct Server {
    process: Process,
    address: SocketAddr,
}

impl Server {
    fn start(serving: Serving, cores: Cores) -> Result<Self, Failure> {
        let task = Task::Serve(serving);
        let lifetime = LONGEST + PATIENCE;
        let process = Process::start(&Order { task, core: cores.server, lifetime })?;
        let address = process.hear(PATIENCE)?.parse()?;
        Ok(Self { process, address })
    }

    /// Bytes that it has allocated.
    fn heap(&mut self) -> Result<i64, Failure> {
        Ok(self.process.ask(PATIENCE)?.parse()?)
    }
}

/// A server on one thread that counts what it allocates.
fn counting(variant: Variant, service: Service) -> Serving {
    Serving { variant, service, threads: 1, counts: true }
}

/// Bytes on the server's heap for each of so many idle connections that have exchanged a frame.
pub(crate) fn idle_heap(variant: Variant, connections: usize, cores: Cores) -> Result<f64, Failure> {
    let mut server = Server::start(counting(variant, Service::Echo), cores)?;
    // What the first connections cost once and for all is not theirs.
    let early = client(Task::Idle { server: server.address, connections: 8 }, cores)?;
    std::thread::sleep(Duration::from_millis(50));
    let before = server.heap()?;
    let held = client(Task::Idle { server: server.address, connections }, cores)?;
    std::thread::sleep(Duration::from_millis(300));
    let after = server.heap()?;
    drop((early, held));
    Ok((after - before) as f64 / connections as f64)
}

/// Bytes on the server's heap a second after a peer that does not read has asked for frames without end.
pub(crate) fn never_read(variant: Variant, cores: Cores) -> Result<i64, Failure> {
    let mut server = Server::start(counting(variant, Service::Produce), cores)?;
    let before = server.heap()?;
    let asked = client(Task::NeverRead { server: server.address }, cores)?;
    std::thread::sleep(Duration::from_secs(1));
    let after = server.heap()?;
    drop(asked);
    Ok(after - before)
}

/// A client that has done what it was told to, and holds on.
fn client(task: Task, cores: Cores) -> Result<Process, Failure> {
    // Some hold on while others are measured.
    let lifetime = LONGEST + PATIENCE;
    let process = Process::start(&Order { task, core: cores.client, lifetime })?;
    process.hear(PATIENCE)?;
    Ok(process)
}
