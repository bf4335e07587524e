//! One exchange over a socket of NEAT's daemon: a request, and then the answer.
//!
//! ```text
//!          bytes                       the value is whole, and a newline follows
//!   Reading ────► Reading ──────────────────────────────────────────────────────► a request
//!      │             │      the sender has shut down its side                        ▲
//!      │             └───────────────────────────────────────────────────────────────┘
//!      └─ more than a document may have, or not UTF-8 ─► a fault
//! ```
//!
//! libneat writes its JSON over several lines, without one at the end, and shuts down its side. People and scripts end
//! a line instead. Both are understood: a line ends a request only outside of every bracket. What comes after the
//! request is not looked at: there is one request for each connection.

use crate::policy::neat::MAX_DOCUMENT;
use thiserror::Error;

/// Finds the end of a request in the bytes that come. Holds at most [`MAX_DOCUMENT`] bytes.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    held: Vec<u8>,
    depth: usize,
    begun: bool,
    /// Within a text.
    quoted: bool,
    /// After a backslash within a text.
    escaped: bool,
}

/// Why what came is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExchangeFault {
    /// It is too long.
    #[error("a request longer than {limit} bytes")]
    TooLong {
        /// So many bytes it may have.
        limit: usize,
    },
    /// It is no text.
    #[error("a request that is not UTF-8")]
    NotText,
    /// It did not come to an end in time.
    #[error("the request was not complete in time: end it with a newline, or shut down the sending side")]
    Slow,
    /// Others needed the room.
    #[error("too many are waiting to finish their requests; this one waited the longest")]
    Crowded,
}

impl Exchange {
    /// Nothing has come yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what has come; the request, once it is whole.
    ///
    /// *Errors*: [`ExchangeFault::TooLong`], before more than [`MAX_DOCUMENT`] bytes are held;
    /// [`ExchangeFault::NotText`]. Nothing more is to be read then.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<String>, ExchangeFault> {
        for (place, byte) in bytes.iter().enumerate() {
            if self.ends(*byte) {
                self.hold(&bytes[..place])?;
                return self.finish().map(Some);
            }
        }
        self.hold(bytes)?;
        Ok(None)
    }

    /// The sender has shut down its side: what has come is the request.
    ///
    /// *Errors*: [`ExchangeFault::NotText`].
    pub fn finish(&mut self) -> Result<String, ExchangeFault> {
        String::from_utf8(std::mem::take(&mut self.held)).map_err(|_| ExchangeFault::NotText)
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), ExchangeFault> {
        if self.held.len() + bytes.len() > MAX_DOCUMENT {
            self.held = Vec::new();
            return Err(ExchangeFault::TooLong { limit: MAX_DOCUMENT });
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether this byte is the newline after a whole value.
    fn ends(&mut self, byte: u8) -> bool {
        if self.quoted {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.quoted = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'\n' => return self.begun && self.depth == 0,
            b' ' | b'\t' | b'\r' => return false,
            b'"' => self.quoted = true,
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.begun = true;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request in these pieces, and how many of the pieces it took.
    fn request(pieces: &[&str]) -> Option<(usize, String)> {
        let mut exchange = Exchange::new();
        pieces.iter().enumerate().find_map(|(n, piece)| {
            exchange.receive(piece.as_bytes()).unwrap().map(|request| (n + 1, request))
        })
    }

    #[test]
    fn a_newline_after_a_whole_value_ends_a_request_and_no_other_does() {
        for (pieces, took, whole) in [
            (&["[]\n", "[]\n"][..], 1, "[]"),
            (&["[", "]", "\n"], 3, "[]"),
            (&["\n\n  [\n  {\n", "}\n]\r", "\nmore"], 3, "\n\n  [\n  {\n}\n]\r"),
            (&["{\"a\": \"]}\\\"\n]\"}", "\n"], 2, "{\"a\": \"]}\\\"\n]\"}"),
            (&["soon\n"], 1, "soon"),
            (&["]\n"], 1, "]"),
        ] {
            assert_eq!(request(pieces), Some((took, whole.to_owned())), "{pieces:?}");
        }
        for pieces in [&["[{}]"][..], &["\n \n"], &["[\n]"], &["\"\n"], &["{[}\n"]] {
            assert_eq!(request(pieces), None, "{pieces:?}");
        }
    }

    #[test]
    fn a_half_closed_side_ends_a_request_wherever_it_is() {
        let mut exchange = Exchange::new();
        assert_eq!(exchange.receive(b"[{\n"), Ok(None));
        assert_eq!(exchange.finish(), Ok("[{\n".to_owned()));
        assert_eq!(Exchange::new().finish(), Ok(String::new()));
    }

    #[test]
    fn no_more_is_held_than_a_document_may_have() {
        let mut exchange = Exchange::new();
        assert_eq!(exchange.receive(&vec![b'['; MAX_DOCUMENT]), Ok(None));
        let too_long = Err(ExchangeFault::TooLong { limit: MAX_DOCUMENT });
        assert_eq!(exchange.receive(b"["), too_long);
        assert_eq!(exchange.held(), 0);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(Exchange::new().receive(b"\xff\n"), Err(ExchangeFault::NotText));
    }
}
