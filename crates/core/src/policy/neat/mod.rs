//! The language of NEAT's policy system: properties, sets of them, and alternatives, as values and as JSON.
//!
//! A property has a key, a [`Value`], a [`Precedence`] and a score. Two of them *match* when their values have
//! something in common, and one can be *updated* by another ([`Property::update`]). A request, a candidate, a row of
//! the CIB and the effect of a policy are all sets of properties ([`Properties`]), or alternatives between such sets
//! ([`Alternatives`]). Source: NEAT's documents `NEAT_properties.md`, `NEAT_policies.md` and `CIB_format.md`.

mod alternatives;
mod fault;
mod finite;
mod json;
mod properties;
mod property;
pub(super) mod read;
mod scalar;
mod text;
mod value;
mod write;

pub use alternatives::{Alternatives, MAX_EXPANSION};
pub(super) use fault::Flaw;
pub use fault::{Fault, PolicyError};
pub use finite::Finite;
pub(super) use json::{Kind, Member, Node, parse};
pub use json::{MAX_DEPTH, MAX_DOCUMENT};
pub use properties::{Conflict, Properties, Score};
pub use property::{Precedence, Property};
pub use scalar::Scalar;
pub use text::Text;
pub use value::{MAX_ALTERNATIVE_VALUES, Range, Value};
