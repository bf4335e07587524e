//! The token that whoever changes something over the REST interface has to show.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// A shorter token could be guessed.
const LEAST: usize = 16;

/// A token; it is never shown.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// The one that is in a file.
    ///
    /// *Errors*: others may read it; it is too short, or has characters that a header has not; the system refuses.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mode = fs::metadata(path)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(io::Error::other(format!("others may read it (mode {mode:03o}): chmod 600")));
        }
        let text = fs::read_to_string(path)?;
        let token = text.trim();
        if token.len() < LEAST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(io::Error::other(format!(
                "a token has at least {LEAST} characters, all of them printable"
            )));
        }
        Ok(Self(token.to_owned()))
    }

    /// A new one, in a file that only its owner may read.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut random = [0_u8; 32];
        fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{token}")?;
        Ok(Self(token))
    }

    /// Whether it is this one. How long that takes tells nothing of it but its length.
    pub(super) fn is(&self, said: &str) -> bool {
        let differing =
            self.0.bytes().zip(said.bytes()).fold(0, |differing, (one, other)| differing | (one ^ other));
        self.0.len() == said.len() && differing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_private_new_each_time_and_compared_as_a_whole() {
        let path = std::env::temp_dir().join(format!("neatflow-token-{}", std::process::id()));
        let one = Token::create(&path).unwrap();
        let other = Token::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(one.0, other.0);
        assert!(Token::read(&path).unwrap().is(&other.0));
        assert!(
            !other.is(&one.0)
                && !other.is("")
                && !other.is(&other.0[1..])
                && !other.is(&format!("{}x", other.0))
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Token::read(&path).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(Token::read(&path).is_err());
        fs::remove_file(&path).unwrap();
    }
}
