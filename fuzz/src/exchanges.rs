//! What comes over a socket of the policy daemon ends where it ends, in whatever pieces it comes; and an answer ends
//! where libneat thinks it does.

use crate::Target;
use neatflow_core::policy::daemon::{Exchange, ExchangeFault, reply_candidates};

/// The bytes of a client. The first says how long its pieces are.
pub const TARGET: Target = Target {
    name: "exchanges",
    run,
    seeds: &[
        b"\x03[{\"a\": {\"value\": \"x]\\\"\\n\"}}]\nmore",
        b"\x01[\n{\n}\n]\n",
        b"\x40hello\n",
        b"\x02\"[\\\\\"\n",
    ],
    words: &[b"\n", b"\"", b"\\", b"[", b"]", b"{", b"}", b"\r\n", b" ", b"\xff", b"\\\""],
};

type Told = Result<(Option<String>, usize), ExchangeFault>;

/// The request in these bytes, or what is held of it, in pieces of this length.
fn told(bytes: &[u8], piece: usize) -> Told {
    let mut exchange = Exchange::new();
    for piece in bytes.chunks(piece.max(1)) {
        if let Some(request) = exchange.receive(piece)? {
            return Ok((Some(request), 0));
        }
    }
    Ok((None, exchange.held()))
}

fn run(data: &[u8]) {
    let Some((piece, bytes)) = data.split_first() else { return };
    let whole = told(bytes, bytes.len());
    assert_eq!(told(bytes, usize::from(*piece)), whole);
    if let Ok((Some(request), _)) = &whole {
        assert!(bytes.starts_with(request.as_bytes()) && bytes.get(request.len()) == Some(&b'\n'));
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    let answer = serde_json::json!([{ text.clone(): {"value": text} }]).to_string();
    let reply = reply_candidates(&answer);
    let mut depth = 0_i32;
    let end = reply.bytes().position(|byte| {
        depth += i32::from(matches!(byte, b'[' | b'{')) - i32::from(matches!(byte, b']' | b'}'));
        depth == 0
    });
    assert_eq!(end, Some(reply.len() - 2), "{reply}");
    let (read, meant) = (serde_json::from_str::<serde_json::Value>(&reply), serde_json::from_str(&answer));
    assert_eq!(read.ok(), meant.ok());
}
