//! `neatflow resolve`.

mod told;

use crate::advice::Trouble;
use crate::args::Resolve;
use crate::exit::Exit;
use crate::report::Report;
use actix::prelude::*;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use neatflow::name_resolver::{Answered, Config, NameResolver, QueryId, Resolve as Question};
use slog::{Discard, Logger, o};
use std::time::{Duration, Instant};

/// Hands on each answer, with the time it took.
struct Asker {
    began: Instant,
    heard: UnboundedSender<(Duration, Answered)>,
}

impl Actor for Asker {
    type Context = Context<Self>;
}

impl Handler<Answered> for Asker {
    type Result = ();

    fn handle(&mut self, answered: Answered, _: &mut Self::Context) {
        // Three at most; nobody hears them any more only when all is over.
        let _ = self.heard.unbounded_send((self.began.elapsed(), answered));
    }
}

pub(crate) async fn resolve(args: Resolve) -> Exit {
    let report = Report::on_stdout(args.json);
    let mut config = Config::default();
    args.name_servers.set(&mut config);
    if let Some(timeout) = args.timeout {
        config.timeout = timeout;
    }
    let resolver = NameResolver::new(config, Logger::root(Discard, o!())).start();
    let (heard, mut answers) = unbounded();
    let asker = Asker { began: Instant::now(), heard }.start();
    let interface = args.interface.as_deref().map(Into::into);
    let question = Question::new(QueryId(0), args.name.as_str(), args.kinds(), asker.recipient());
    // A resolver that is gone drops the question, and with it all who could answer.
    if resolver.send(question.over(interface)).await.is_err() {
        report.trouble(&Trouble::new("the name resolver has stopped".to_owned()));
        return Exit::NotEstablished;
    }
    let mut exit = Exit::NotEstablished;
    let (mut failed, mut head) = (Vec::new(), true);
    while let Some((after, answered)) = answers.next().await {
        report.outcome(|| told::text(after, &answered, head), || told::json(&args.name, after, &answered));
        head = false;
        match &answered.result {
            Ok(_) => exit = Exit::Done,
            Err(failure) => failed.push(failure.clone()),
        }
        if answered.last {
            break;
        }
    }
    if exit != Exit::Done {
        report.trouble(&crate::advice::not_resolved(&args.name, &failed));
    }
    exit
}
