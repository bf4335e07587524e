//! What the daemon tells on standard error.

use slog::{Drain, KV, Key, Level, Logger, Never, OwnedKVList, Record, Serializer, o};
use std::fmt::{self, Write};

/// Warnings always, the rest if it is asked for.
pub(super) fn logger(verbose: bool) -> Logger {
    Logger::root(Lines { most: if verbose { Level::Debug } else { Level::Warning } }, o!())
}

/// One line for each record.
struct Lines {
    most: Level,
}

impl Drain for Lines {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        if record.level().is_at_least(self.most) {
            let mut line = Line(format!("neatflow: {}", record.msg()));
            // A line that cannot be told whole is told as far as it goes.
            let _ =
                record.kv().serialize(record, &mut line).and_then(|()| values.serialize(record, &mut line));
            eprintln!("{}", line.0);
        }
        Ok(())
    }
}

struct Line(String);

impl Serializer for Line {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        write!(self.0, ", {key}: {value}")?;
        Ok(())
    }
}
