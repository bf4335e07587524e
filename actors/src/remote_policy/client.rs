//! One exchange with a policy daemon, from its client's side.

use neatflow_core::policy::neat::MAX_DOCUMENT;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Why a policy daemon gave no answer.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum AskError {
    /// It cannot be reached, or it hung up.
    #[error("{0}")]
    Io(Arc<io::Error>),
    /// It took too long.
    #[error("it did not answer within {0:?}")]
    Slow(Duration),
    /// Its answer is too long.
    #[error("its answer is longer than {limit} bytes")]
    TooLong {
        /// So many bytes it may have.
        limit: usize,
    },
    /// It hung up without an answer.
    #[error("it hung up without an answer")]
    Nothing,
    /// Its answer is no text.
    #[error("its answer is not UTF-8")]
    NotText,
}

/// Says something over one of NEAT's sockets, as libneat does, and gives the answer.
///
/// *Errors*: it cannot be reached; it takes longer than `limit`; the answer is none, too long, or no text. *Cancel
/// safety*: the exchange is over.
pub async fn ask(socket: &Path, request: &str, limit: Duration) -> Result<String, AskError> {
    timeout(limit, exchange(socket, request)).await.unwrap_or(Err(AskError::Slow(limit)))
}

async fn exchange(socket: &Path, request: &str) -> Result<String, AskError> {
    let failed = |error: io::Error| AskError::Io(Arc::new(error));
    let mut stream = UnixStream::connect(socket).await.map_err(failed)?;
    // Whoever refuses a request may not read it to its end: the answer says why.
    let _refused = stream.write_all(request.as_bytes()).await;
    let _refused = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = (&mut stream).take(MAX_DOCUMENT as u64 + 1).read_to_end(&mut answer).await;
    if answer.is_empty() {
        read.map_err(failed)?;
        return Err(AskError::Nothing);
    }
    if answer.len() > MAX_DOCUMENT {
        return Err(AskError::TooLong { limit: MAX_DOCUMENT });
    }
    String::from_utf8(answer).map_err(|_| AskError::NotText)
}
