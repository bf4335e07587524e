//! What supervision logs: who was restarted, and why.

use slog::{Drain, Key, Logger, OwnedKVList, Record, Serializer, o};
use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

/// One restart, by the names of the log: child, attempt, reason, wait.
pub(super) type Restart = BTreeMap<&'static str, String>;

/// The restarts so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Restarts(Arc<Mutex<Vec<Restart>>>);

impl Restarts {
    /// A logger that notes restarts, and nothing else.
    pub(super) fn logger(&self) -> Logger {
        Logger::root(self.clone().fuse(), o!())
    }

    /// Those since the last call.
    pub(super) fn take(&self) -> Vec<Restart> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drain for Restarts {
    type Ok = ();
    type Err = slog::Error;

    fn log(&self, record: &Record<'_>, context: &OwnedKVList) -> Result<(), slog::Error> {
        if record.msg().to_string() != "restarting" {
            return Ok(());
        }
        let mut restart = Pairs(Restart::new());
        slog::KV::serialize(context, record, &mut restart)?;
        slog::KV::serialize(&record.kv(), record, &mut restart)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(restart.0);
        Ok(())
    }
}

struct Pairs(Restart);

impl Serializer for Pairs {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        let known = ["child", "attempt", "reason", "wait"];
        if let Some(known) = known.into_iter().find(|known| *known == key) {
            self.0.insert(known, value.to_string());
        }
        Ok(())
    }
}
