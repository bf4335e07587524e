//! Measurements: a server, a client, and what came of it; all variants in turns, so that they share the machine's mood.

use crate::Failure;
use crate::child::Process;
use crate::options::Options;
use crate::order::{Order, Sample, Service, Task, Variant, Workload};
use crate::sys;
use std::net::SocketAddr;
use std::time::Duration;

/// How long a child may take for anything but the work itself.
const PATIENCE: Duration = Duration::from_secs(20);

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

/// Every sample of one variant, by rounds.
pub(crate) struct Series {
    pub(crate) variant: Variant,
    pub(crate) samples: Vec<Sample>,
}

/// Measures all variants that are asked for and there, in turns: forwards in one round, backwards in the next.
pub(crate) fn rounds(workload: Workload, options: &Options, cores: Cores) -> Result<Vec<Series>, Failure> {
    let variants = options.baselines.iter().chain(&options.modes).copied();
    let mut series: Vec<_> = variants
        .filter(|variant| variant.does(workload))
        .map(|variant| Series { variant, samples: Vec::new() })
        .collect();
    for _ in 0..options.rounds {
        for one in &mut series {
            let sample = sample(one.variant, workload, options, cores)
                .map_err(|failure| format!("{} {}: {failure}", workload.name(), one.variant.name()))?;
            one.samples.push(sample);
        }
        series.reverse();
    }
    if options.rounds % 2 == 1 {
        series.reverse();
    }
    Ok(series)
}

fn sample(variant: Variant, workload: Workload, options: &Options, cores: Cores) -> Result<Sample, Failure> {
    let server = Server::start(variant, workload.service(), false, cores)?;
    let task = Task::Load {
        workload,
        server: server.address,
        pid: server.process.id(),
        warm_up: options.warm_up,
        time: options.time,
    };
    let lifetime = options.time + options.warm_up + PATIENCE;
    let client = Process::start(&Order { task, core: cores.client, lifetime })?;
    Ok(serde_json::from_str(&client.hear(lifetime)?)?)
}

struct Server {
    process: Process,
    address: SocketAddr,
}

impl Server {
    fn start(variant: Variant, service: Service, counts: bool, cores: Cores) -> Result<Self, Failure> {
        let task = Task::Serve { variant, service, counts };
        // The longest measurement takes a minute.
        let lifetime = Duration::from_secs(120) + PATIENCE;
        let process = Process::start(&Order { task, core: cores.server, lifetime })?;
        let address = process.hear(PATIENCE)?.parse()?;
        Ok(Self { process, address })
    }

    /// Bytes that it has allocated.
    fn heap(&mut self) -> Result<i64, Failure> {
        Ok(self.process.ask(PATIENCE)?.parse()?)
    }
}

/// Bytes on the server's heap for each of so many idle connections that have exchanged a frame.
pub(crate) fn idle_heap(variant: Variant, connections: usize, cores: Cores) -> Result<f64, Failure> {
    let mut server = Server::start(variant, Service::Echo, true, cores)?;
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
    let mut server = Server::start(variant, Service::Produce, true, cores)?;
    let before = server.heap()?;
    let asked = client(Task::NeverRead { server: server.address }, cores)?;
    std::thread::sleep(Duration::from_secs(1));
    let after = server.heap()?;
    drop(asked);
    Ok(after - before)
}

/// A client that has done what it was told to, and holds on.
fn client(task: Task, cores: Cores) -> Result<Process, Failure> {
    let process = Process::start(&Order { task, core: cores.client, lifetime: PATIENCE })?;
    process.hear(PATIENCE)?;
    Ok(process)
}
