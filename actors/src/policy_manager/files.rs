//! Reading directories of policies, profiles and nodes. It blocks: the policy manager has it done on a thread for that.
//!
//! What is in a file is understood by core ([`load_dated`](policy::load_dated)); here it is found, bounded, and read
//! again when it has changed. A file that was understood once and is not any more keeps saying what it said.

use neatflow_core::Time;
use neatflow_core::policy::neat::{Fault, MAX_DOCUMENT, PolicyError};
use neatflow_core::policy::{self, FileKind, Loaded};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Of a directory at most this many files are read; those whose names come last are refused.
pub const MAX_FILES: usize = 1_024;

/// Directories of `*.policy`, `*.profile` and `*.cib`, and what was last read there.
#[derive(Clone, Debug, Default)]
pub struct Directories {
    paths: Vec<PathBuf>,
    known: BTreeMap<String, Known>,
    troubles: Vec<PolicyError>,
    read: bool,
}

/// A file, as it was when it was last read.
#[derive(Clone, Debug)]
struct Known {
    stamp: Stamp,
    /// What it said when it was last understood, and when that was read.
    good: Option<(String, Time)>,
    /// What is wrong with it now, as it could not be read or understood.
    fault: Option<PolicyError>,
}

/// A file is read again when one of these has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

/// The directories that belong to a place for policies: the place itself, and `pib` and `cib` in it.
pub fn policy_dir(place: impl AsRef<Path>) -> Vec<PathBuf> {
    let place = place.as_ref();
    vec![place.to_owned(), place.join("pib"), place.join("cib")]
}

/// Where this host, and this user, keep policies: `/etc/neatflow`, and `neatflow` in `$XDG_CONFIG_HOME` or `~/.config`.
pub fn standard_places() -> Vec<PathBuf> {
    let home = || std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".config"));
    let said = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|config| config.is_absolute());
    let user = said.or_else(home).map(|config| config.join("neatflow"));
    [PathBuf::from("/etc/neatflow")].into_iter().chain(user).collect()
}

/// Everything in some directories, once. One that does not exist is empty.
pub fn load(directories: &[PathBuf]) -> Loaded {
    Directories::new(directories.iter().cloned()).read().unwrap_or_default()
}

impl Directories {
    /// These directories, of which nothing is known yet.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut distinct = Vec::new();
        for path in paths {
            if !distinct.contains(&path) {
                distinct.push(path);
            }
        }
        Self { paths: distinct, ..Self::default() }
    }

    /// Where they are.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// How many files were there when they were last read.
    pub fn files(&self) -> usize {
        self.known.len()
    }

    /// Everything that is there; nothing if nothing has changed since the last time. What cannot be read or understood
    /// is told in [`Loaded::refused`], by its path.
    pub fn read(&mut self) -> Option<Loaded> {
        let Look { found, troubles, unseen } = self.look();
        let mut changed = !self.read || troubles != self.troubles;
        self.read = true;
        self.troubles = troubles;
        let known = self.known.len();
        // What cannot be looked at is there as far as anybody knows.
        let stays = |name: &String| {
            found.contains_key(name) || unseen.iter().any(|hidden| Path::new(name).starts_with(hidden))
        };
        self.known.retain(|name, _| stays(name));
        changed |= self.known.len() < known;
        for (name, (path, stamp)) in found {
            // That it can be read again changes neither its time nor its size.
            let same = |known: &Known| {
                known.stamp == stamp
                    && !matches!(&known.fault, Some(PolicyError { fault: Fault::Unreadable(_), .. }))
            };
            if self.known.get(&name).is_some_and(same) {
                continue;
            }
            let before = self.known.get(&name).map(|known| (known.stamp, known.fault.clone()));
            let good = self.known.remove(&name).and_then(|known| known.good);
            let now = now();
            let text = text_of(&path).map_err(|fault| PolicyError::of_file(name.as_str(), fault));
            let understood = text.and_then(|text| policy::load_file(&name, &text, now).map(|_| text));
            let (good, fault) = match understood {
                Ok(text) => (Some((text, now)), None),
                Err(fault) => (good, Some(fault)),
            };
            changed |= before != Some((stamp, fault.clone()));
            self.known.insert(name, Known { stamp, good, fault });
        }
        changed.then(|| self.load())
    }

    fn load(&self) -> Loaded {
        let files = self.known.iter().filter_map(|(name, known)| {
            let (text, read) = known.good.as_ref()?;
            Some((name.as_str(), text.as_str(), *read))
        });
        let faults = self.known.values().filter_map(|known| known.fault.clone());
        policy::load_dated(files).refusing(faults.chain(self.troubles.iter().cloned()))
    }

    fn look(&self) -> Look {
        let mut look = Look::default();
        for directory in &self.paths {
            match files_of(directory, &mut look) {
                Ok(files) => {
                    let surplus = files.iter().skip(MAX_FILES);
                    let full = |path| PolicyError::of_file(name_of(path), Fault::Full { limit: MAX_FILES });
                    look.troubles.extend(surplus.map(|(path, _)| full(path)));
                    let files = files.into_iter().take(MAX_FILES);
                    look.found.extend(files.map(|(path, stamp)| (name_of(&path), (path, stamp))));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => look.cannot(directory, &error),
            }
        }
        look
    }
}

/// What a look at the directories brings.
#[derive(Default)]
struct Look {
    /// The files that are there, by name.
    found: BTreeMap<String, (PathBuf, Stamp)>,
    /// What cannot be looked at, and why.
    troubles: Vec<PolicyError>,
    /// The same: directories and files that may be there or not.
    unseen: Vec<PathBuf>,
}

impl Look {
    fn cannot(&mut self, path: &Path, error: &io::Error) {
        self.troubles.push(PolicyError::of_file(name_of(path), unreadable(error)));
        self.unseen.push(path.to_owned());
    }
}

/// The files of a directory that may be ours, by name. What is no file (a pipe would block) is passed over.
fn files_of(directory: &Path, look: &mut Look) -> io::Result<Vec<(PathBuf, Stamp)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.file_name().is_none_or(|name| FileKind::of(&name.to_string_lossy()).is_none()) {
            continue;
        }
        match fs::metadata(&path) {
            Ok(about) if about.is_file() => {
                files.push((path, Stamp { modified: about.modified().ok(), length: about.len() }));
            }
            Ok(_) => {}
            // Gone since the directory was read: as if it had not been there. A link to nothing is told.
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(&path).is_err() => {
            }
            Err(error) => look.cannot(&path, &error),
        }
    }
    files.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    Ok(files)
}

/// What is in a file, as far as it may be.
fn text_of(path: &Path) -> Result<String, Fault> {
    let limit = MAX_DOCUMENT as u64;
    let mut text = Vec::new();
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    file.take(limit + 1).read_to_end(&mut text).map_err(|error| unreadable(&error))?;
    if text.len() > MAX_DOCUMENT {
        return Err(Fault::TooLong { limit: MAX_DOCUMENT });
    }
    // That is of the file, and not of this moment: it is not read again until it changes.
    String::from_utf8(text).map_err(|_| Fault::Encoding)
}

fn unreadable(error: &io::Error) -> Fault {
    Fault::Unreadable(error.to_string().into())
}

fn name_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Now, since the Unix epoch.
pub(super) fn now() -> Time {
    Time::from_origin(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own, that is gone afterwards.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("neatflow-files-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(path.join("pib")).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.join(name), text).unwrap();
        }

        fn directories(&self) -> Directories {
            Directories::new(policy_dir(&self.0))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn policy(priority: i32) -> String {
        format!(r#"{{"priority": {priority}, "properties": {{"x": {{"value": true}}}}}}"#)
    }

    fn priorities(loaded: &Loaded) -> Vec<f64> {
        loaded.pib.iter().map(|policy| policy.priority.get()).collect()
    }

    #[test]
    fn a_place_has_its_own_files_and_those_of_pib_and_cib() {
        let scratch = Scratch::new("place");
        scratch.write("one.policy", &policy(1));
        scratch.write("pib/two.policy", &policy(2));
        scratch.write("pib/notes.txt", "not ours");
        scratch.write("pib/.three.policy.swp", "{");
        let loaded = scratch.directories().read().unwrap();
        assert_eq!(priorities(&loaded), [1.0, 2.0]);
        assert_eq!(loaded.refused, []);
    }

    #[test]
    fn what_has_not_changed_is_not_read_again() {
        let scratch = Scratch::new("unchanged");
        scratch.write("one.policy", &policy(1));
        let mut directories = scratch.directories();
        assert!(directories.read().is_some());
        assert!(directories.read().is_none());
        scratch.write("one.policy", &policy(10));
        assert_eq!(priorities(&directories.read().unwrap()), [10.0]);
        fs::remove_file(scratch.0.join("one.policy")).unwrap();
        assert!(directories.read().unwrap().pib.is_empty());
        assert!(directories.read().is_none());
    }

    #[test]
    fn a_bad_file_is_refused_with_its_place_and_keeps_saying_what_it_said() {
        let scratch = Scratch::new("bad");
        scratch.write("one.policy", &policy(1));
        scratch.write("two.policy", &policy(2));
        let mut directories = scratch.directories();
        directories.read();
        scratch.write("one.policy", "{\"priority\": 1,\n \"propertees\": {}}");
        let loaded = directories.read().unwrap();
        assert_eq!(priorities(&loaded), [1.0, 2.0]);
        let [refused] = loaded.refused.as_slice() else { panic!("{:?}", loaded.refused) };
        assert!(refused.to_string().contains("one.policy:2:2: "), "{refused}");
        scratch.write("one.policy", &policy(3));
        let loaded = directories.read().unwrap();
        assert_eq!((priorities(&loaded), loaded.refused), (vec![2.0, 3.0], Vec::new()));
    }

    #[test]
    fn what_is_too_long_or_no_text_is_refused_and_a_directory_that_is_not_there_is_empty() {
        let scratch = Scratch::new("long");
        scratch.write("long.policy", &" ".repeat(MAX_DOCUMENT + 1));
        fs::write(scratch.0.join("binary.policy"), [0xff, 0xfe]).unwrap();
        fs::create_dir(scratch.0.join("directory.policy")).unwrap();
        let loaded = scratch.directories().read().unwrap();
        let faults: Vec<_> = loaded.refused.iter().map(|refused| &refused.fault).collect();
        assert!(matches!(faults[..], [Fault::Encoding, Fault::TooLong { .. }]), "{faults:?}");
        let nowhere = Directories::new(policy_dir(scratch.0.join("nowhere"))).read().unwrap();
        assert_eq!((nowhere.pib.len(), nowhere.refused.len()), (0, 0));
    }

    #[test]
    fn what_cannot_be_looked_at_for_a_while_stays_in_force() {
        let scratch = Scratch::new("unseen");
        scratch.write("one.policy", &policy(1));
        scratch.write("pib/two.policy", &policy(2));
        let mut directories = scratch.directories();
        directories.read();
        // Directories that are links in a circle cannot be looked at, whoever asks.
        let (pib, aside) = (scratch.0.join("pib"), scratch.0.join("aside"));
        fs::rename(&pib, &aside).unwrap();
        std::os::unix::fs::symlink(&pib, &pib).unwrap();
        let loaded = directories.read().unwrap();
        assert_eq!(priorities(&loaded), [1.0, 2.0]);
        let [refused] = loaded.refused.as_slice() else { panic!("{:?}", loaded.refused) };
        assert!(matches!(refused.fault, Fault::Unreadable(_)), "{refused}");
        fs::remove_file(&pib).unwrap();
        fs::rename(&aside, &pib).unwrap();
        let loaded = directories.read().unwrap();
        assert_eq!((priorities(&loaded), loaded.refused), (vec![1.0, 2.0], Vec::new()));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_told() {
        let scratch = Scratch::new("dangling");
        std::os::unix::fs::symlink("/no/such/file", scratch.0.join("gone.policy")).unwrap();
        let loaded = scratch.directories().read().unwrap();
        let [refused] = loaded.refused.as_slice() else { panic!("{:?}", loaded.refused) };
        assert!(refused.to_string().contains("gone.policy"), "{refused}");
    }

    #[test]
    fn a_file_that_can_be_read_again_is() {
        let scratch = Scratch::new("again");
        scratch.write("one.policy", &policy(1));
        let mut directories = scratch.directories();
        directories.read();
        // As if it had been refused by the system; its time and its size are the same afterwards.
        let name = name_of(&scratch.0.join("one.policy"));
        let known = directories.known.get_mut(&name).unwrap();
        known.good = None;
        known.fault = Some(PolicyError::of_file(name.as_str(), Fault::Unreadable("not now".into())));
        let loaded = directories.read().unwrap();
        assert_eq!((priorities(&loaded), loaded.refused), (vec![1.0], Vec::new()));
    }
}
