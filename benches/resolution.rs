//! What a name costs that the resolver knows: a question and its answers from the cache, beside those of a literal
//! address, which needs no cache.
//!
//! `cargo bench --bench resolution [-- --rounds N] [--json]`

use actix::prelude::*;
use neatflow::name_resolver::{Answered, Config, NameResolver, Origin, QueryId, Resolve};
use neatflow::resolution::Kinds;
use neatflow_testing::dns::{DnsServer, RecordType, Reply};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

struct Asker(UnboundedSender<Answered>);

impl Actor for Asker {
    type Context = Context<Self>;
}

impl Handler<Answered> for Asker {
    type Result = ();
    fn handle(&mut self, answered: Answered, _: &mut Self::Context) {
        // The receiver is there as long as questions are.
        let _ = self.0.send(answered);
    }
}

struct Bench {
    resolver: Addr<NameResolver>,
    asker: Addr<Asker>,
    answers: UnboundedReceiver<Answered>,
}

impl Bench {
    /// From the question to its last answer.
    async fn once(&mut self, name: &str) -> (Duration, Option<Origin>) {
        let question = Resolve::new(QueryId(0), name, Kinds::ADDRESSES, self.asker.clone().recipient());
        let began = Instant::now();
        if self.resolver.send(question).await.is_err() {
            return (Duration::ZERO, None);
        }
        let mut origin = None;
        while let Some(answered) = self.answers.recv().await {
            origin = Some(answered.origin);
            if answered.last {
                break;
            }
        }
        (began.elapsed(), origin)
    }

    async fn median(&mut self, name: &str, rounds: usize) -> Duration {
        let mut times = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            times.push(self.once(name).await.0);
        }
        times.sort_unstable();
        times.get(rounds / 2).copied().unwrap_or_default()
    }
}

#[actix::main]
async fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let after = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1));
    let rounds = after("--rounds").and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let server = DnsServer::start().await?;
    server.on("x.example", RecordType::A, Reply::addresses(["192.0.2.1"]).ttl(3600));
    server.on("x.example", RecordType::AAAA, Reply::addresses(["2001:db8::1"]).ttl(3600));
    let mut config = Config::default();
    config.servers = Some(vec![server.address().into()]);
    let resolver = NameResolver::new(config, slog::Logger::root(slog::Discard, slog::o!())).start();
    let (out, answers) = unbounded_channel();
    let mut bench = Bench { resolver, asker: Asker(out).start(), answers };
    bench.once("x.example").await;
    let known = bench.once("x.example").await.1;
    if !matches!(known, Some(Origin::Cache { .. })) {
        return Err(std::io::Error::other(format!("the cache did not answer: {known:?}")));
    }
    // Three rounds in turn; the least disturbed of each counts.
    let (mut literal, mut cached) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        literal = literal.min(bench.median("192.0.2.1", rounds).await);
        cached = cached.min(bench.median("x.example", rounds).await);
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let added = cached.saturating_sub(literal);
    if args.iter().any(|arg| arg == "--json") {
        println!(
            "{{\"bench\":\"resolution\",\"rounds\":{rounds},\"literal_us\":{:.2},\"cached_us\":{:.2},\"added_us\":{:.2}}}",
            micros(literal),
            micros(cached),
            micros(added)
        );
    } else {
        println!("a literal address  {:>8.2} us", micros(literal));
        println!("a name in the cache {:>7.2} us", micros(cached));
        println!("the cache adds     {:>8.2} us", micros(added));
    }
    Ok(())
}
