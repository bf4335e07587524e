//! The hosts file.

use super::watched::Watched;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// How much of the file counts.
const LONGEST_FILE: u64 = 8 * 1024 * 1024;
/// How many addresses of one name count.
const MOST_ADDRESSES: usize = 64;

/// Where the system keeps its hosts file.
pub(super) fn system_path() -> PathBuf {
    if cfg!(windows) {
        PathBuf::from(r"C:\Windows\System32\drivers\etc\hosts")
    } else {
        PathBuf::from("/etc/hosts")
    }
}

/// The hosts file, read again when it changes. One that cannot be read is empty.
pub(super) fn watch(path: PathBuf) -> Watched<Table> {
    Watched::new(path, read)
}

/// Addresses by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table(HashMap<Box<str>, Vec<IpAddr>>);

impl Table {
    /// The addresses of a name in lower case without a final dot, in the order of the file; empty when it has none.
    pub(super) fn addresses(&self, name: &str) -> &[IpAddr] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Reads lines of an address and its names, each up to a `#`. A line that is anything else is skipped.
    fn parse(text: &str) -> Self {
        let mut table = Self::default();
        for line in text.lines() {
            let line = line.split_once('#').map_or(line, |(line, _comment)| line);
            let mut words = line.split_whitespace();
            let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else { continue };
            for name in words {
                table.add(name, address);
            }
        }
        table
    }

    fn add(&mut self, name: &str, address: IpAddr) {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let addresses = self.0.entry(name.into_boxed_str()).or_default();
        if addresses.len() < MOST_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
}

/// *Errors*: an empty table, when the file is there and cannot be read.
fn read(path: &Path) -> Result<Table, Table> {
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(Table::default());
    }
    let mut bytes = Vec::new();
    let outcome = File::open(path).and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut bytes));
    if outcome.is_err() {
        return Err(Table::default());
    }
    if bytes.len() as u64 == LONGEST_FILE {
        // The last line may be cut in two, and half a name is another name.
        let end = bytes.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
        bytes.truncate(end);
    }
    Ok(Table::parse(&String::from_utf8_lossy(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str, name: &str) -> Vec<String> {
        Table::parse(text).addresses(name).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_line_names_one_address_any_number_of_times() {
        let text = "192.0.2.1\tone  One.Example.\n2001:db8::1 one # two\n\n";
        assert_eq!(addresses(text, "one"), ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(addresses(text, "one.example"), ["192.0.2.1"]);
        assert!(addresses(text, "two").is_empty());
    }

    #[test]
    fn malformed_lines_are_skipped() {
        let text = "one 192.0.2.9\n192.0.2 one\n# 192.0.2.8 one\n192.0.2.7\nfe80::1%lo one\n\u{fffd}\0\r\n";
        let text = &format!("{text}192.0.2.1 one\r\n");
        assert_eq!(addresses(text, "one"), ["192.0.2.1"]);
    }

    #[test]
    fn an_address_counts_once_and_only_the_first_64_count() {
        let mut text = "192.0.2.1 one\n192.0.2.1 one\n".to_owned();
        assert_eq!(addresses(&text, "one").len(), 1);
        for last in 0..=255 {
            text += &format!("198.51.100.{last} one\n");
        }
        assert_eq!(addresses(&text, "one").len(), MOST_ADDRESSES);
    }

    #[test]
    fn no_text_is_too_strange() {
        fn parses(bytes: Vec<u8>) -> bool {
            let text = String::from_utf8_lossy(&bytes);
            Table::parse(&text).0.values().all(|addresses| !addresses.is_empty())
        }
        quickcheck::quickcheck(parses as fn(Vec<u8>) -> bool);
    }

    #[test]
    fn what_is_no_file_is_empty() {
        assert_eq!(read(Path::new("/")), Ok(Table::default()));
        assert_eq!(read(Path::new("/no/such/file")), Ok(Table::default()));
    }
}
