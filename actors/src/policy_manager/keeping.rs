//! What the policy manager reads from files, and what it keeps in one.
//!
//! Files are read and written on threads that may block; the policy manager takes over what they bring. Only before its
//! first answer does it wait for them, and at its end it writes what it has learned itself.

use super::actor::PolicyManager;
use super::cache;
use super::config::Config;
use super::files::{Directories, now};
use super::messages::{FileReport, Files};
use crate::supervision::finish;
use actix::prelude::*;
use neatflow_core::policy::{Learned, Loaded, built_in};
use slog::{debug, info, warn};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What is kept in files, and how far that has come.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    config: Config,
    /// Absent while somebody reads.
    directories: Option<Directories>,
    /// What the files say, as it is in force.
    loaded: Loaded,
    files: usize,
    started: bool,
    /// Whether something was learned that is not written.
    unsaved: bool,
    /// Whether somebody is going to write.
    saving: bool,
    writer: cache::Writer,
}

/// What could not be written is tried again after this long, or at least after what is configured.
const AGAIN: Duration = Duration::from_secs(10);

/// What the first look brings.
struct Found {
    directories: Directories,
    loaded: Option<Loaded>,
    learned: Option<Learned>,
}

impl Keeping {
    pub(super) fn new(config: Config) -> Self {
        let directories = Some(Directories::new(config.directories.iter().cloned()));
        Self { config, directories, ..Self::default() }
    }
}

impl PolicyManager {
    /// Reads what there is before the first question is answered, and looks again now and then.
    pub(super) fn start_keeping(&mut self, ctx: &mut Context<Self>) {
        // A restart may have interrupted whoever was reading.
        let config = &self.keeping.config;
        let (paths, cache) = (config.directories.clone(), config.cache.clone());
        if !self.keeping.started && (cache.is_some() || !paths.is_empty()) {
            let logger = self.logger.clone();
            let read = actix_rt::task::spawn_blocking(move || {
                let mut directories = Directories::new(paths);
                let loaded = directories.read();
                Found { directories, loaded, learned: cache.map(|path| cache::load(&path, now(), &logger)) }
            });
            ctx.wait(read.into_actor(self).map(|found, manager, _| {
                manager.keeping.started = true;
                // It can only be lost with the runtime.
                if let Ok(Found { directories, loaded, learned }) = found {
                    manager.take_over(directories, loaded);
                    learned.into_iter().for_each(|learned| manager.engine.set_learned(learned));
                }
            }));
        } else if self.keeping.directories.is_none() {
            self.keeping.directories = Some(Directories::new(paths));
        }
        self.keeping.saving = false;
        if self.keeping.unsaved {
            self.save_soon(ctx);
        }
        if !self.keeping.config.directories.is_empty() {
            ctx.run_interval(self.keeping.config.reload_every, Self::look_at_files);
        }
    }

    fn look_at_files(&mut self, ctx: &mut Context<Self>) {
        // The timer would keep it alive when nobody needs it any more.
        if !ctx.connected() {
            return finish(ctx);
        }
        let Some(mut directories) = self.keeping.directories.take() else { return };
        let read = actix_rt::task::spawn_blocking(move || {
            let loaded = directories.read();
            (directories, loaded)
        });
        ctx.spawn(read.into_actor(self).map(|read, manager, _| match read {
            Ok((directories, loaded)) => manager.take_over(directories, loaded),
            // Reading panicked: what is in force stays, and everything is read again the next time.
            Err(why) => {
                warn!(manager.logger, "cannot read the policies"; "error" => %why);
                let paths = manager.keeping.config.directories.clone();
                manager.keeping.directories = Some(Directories::new(paths));
            }
        }));
    }

    /// Puts in force what files say now, if that has changed.
    fn take_over(&mut self, directories: Directories, loaded: Option<Loaded>) {
        self.keeping.files = directories.files();
        self.keeping.directories = Some(directories);
        let Some(loaded) = loaded else { return };
        for refused in loaded.refused.iter().filter(|refused| !self.keeping.loaded.refused.contains(refused))
        {
            warn!(self.logger, "refused"; "what" => %refused);
        }
        for (uid, fault) in self.engine.exchange(&self.keeping.loaded, &loaded, &built_in::pib()) {
            warn!(self.logger, "does not fit what else is there"; "uid" => %uid, "fault" => %fault);
        }
        info!(self.logger, "policies"; "files" => self.keeping.files, "policies" => loaded.pib.len(),
            "nodes" => loaded.cib.nodes().len(), "refused" => loaded.refused.len());
        self.keeping.loaded = loaded;
    }

    /// Something was learned.
    pub(super) fn learned_more(&mut self, ctx: &mut Context<Self>) {
        if self.keeping.config.cache.is_some() {
            self.keeping.unsaved = true;
            self.save_soon(ctx);
        }
    }

    fn save_soon(&mut self, ctx: &mut Context<Self>) {
        self.save_after(self.keeping.config.save_after, ctx);
    }

    fn save_after(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.keeping.saving, true) {
            ctx.run_later(wait, Self::save);
        }
    }

    /// What writes what is known now; nothing if nothing is to be kept.
    fn writing(&mut self) -> Option<impl FnOnce() -> io::Result<()> + Send + use<>> {
        let path = self.keeping.config.cache.clone()?;
        self.keeping.unsaved = false;
        let snapshot = self.engine.learned().to_snapshot();
        Some(self.keeping.writer.next(path, snapshot))
    }

    fn save(&mut self, ctx: &mut Context<Self>) {
        let Some(write) = self.writing() else { return };
        let written = actix_rt::task::spawn_blocking(write);
        ctx.spawn(written.into_actor(self).map(|written, manager, ctx| {
            manager.keeping.saving = false;
            match written {
                Ok(Err(error)) => {
                    warn!(manager.logger, "cannot write the policy cache"; "error" => %error);
                    manager.keeping.unsaved = true;
                    return manager.save_after(AGAIN.max(manager.keeping.config.save_after), ctx);
                }
                Ok(Ok(())) => debug!(manager.logger, "the policy cache is written"),
                Err(_) => manager.keeping.unsaved = true,
            }
            // What was learned meanwhile.
            if manager.keeping.unsaved {
                manager.save_soon(ctx);
            }
        }));
    }
}

impl Drop for PolicyManager {
    /// Writes what was learned last: there is no later time for it.
    fn drop(&mut self) {
        let Some(write) = self.keeping.unsaved.then(|| self.writing()).flatten() else { return };
        if let Err(error) = write() {
            warn!(self.logger, "cannot write the policy cache"; "error" => %error);
        }
    }
}

impl Handler<Files> for PolicyManager {
    type Result = MessageResult<Files>;

    fn handle(&mut self, _: Files, _: &mut Self::Context) -> Self::Result {
        MessageResult(FileReport {
            directories: self.keeping.config.directories.clone(),
            files: self.keeping.files,
            refused: Arc::from(self.keeping.loaded.refused.as_slice()),
        })
    }
}
