//! What others have made, as parts of a transport service.

#[cfg(feature = "codec")]
mod codec;

#[cfg(feature = "codec")]
pub use codec::Codec;
