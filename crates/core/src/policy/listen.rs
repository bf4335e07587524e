//! Which sockets a listener opens.

use super::engine::Engine;
use super::inventory::Inventory;
use super::paths::Path;
use super::request::Request;
use super::select::Branch;
use crate::candidate::Protocol;
use crate::failure::ListenFailure;
use crate::properties::{Role, SelectionProperty};
use crate::time::Time;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// A listener opens at most this many sockets; a request for more is refused.
pub const MAX_LISTEN_SPECS: usize = 64;

/// A socket a listener opens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenSpec {
    /// The stack that opens it.
    pub protocol: Protocol,
    /// Its address. Where the ports of several are 0, the first one that is bound chooses for all.
    pub local: SocketAddr,
    /// The interface it is bound to.
    pub interface: Option<Arc<str>>,
}

/// Which sockets a listener opens, without policies: as [`Engine::listen_plan`].
///
/// *Errors*: as [`Engine::listen_plan`].
pub fn listen_plan(request: &Request, inventory: &Inventory) -> Result<Vec<ListenSpec>, ListenFailure> {
    Engine::new().listen_plan(request, inventory, Time::ZERO)
}

impl Engine {
    /// Which sockets a listener opens: for every eligible path, every eligible protocol (RFC 9623 §4.7). A local
    /// endpoint without address means both `[::]` and `0.0.0.0`. Of the wishes for interfaces only Require and Prohibit
    /// matter: a listener listens wherever it may. `now` is measured from the Unix epoch.
    ///
    /// *Errors*: as [`branches`](Self::branches), and when there is no local endpoint (RFC 9622 §7.2) or more than
    /// [`MAX_LISTEN_SPECS`] sockets were needed.
    pub fn listen_plan(
        &mut self,
        request: &Request,
        inventory: &Inventory,
        now: Time,
    ) -> Result<Vec<ListenSpec>, ListenFailure> {
        request.check_to_listen()?;
        let branches = self.select(request, inventory, Role::Listen, now)?;
        let mut specs: Vec<ListenSpec> = Vec::new();
        for Branch { path, protocol, temporary, .. } in &branches {
            for address in addresses(path) {
                if *temporary && address.is_ipv4() {
                    continue;
                }
                let local = path.bound(address, inventory);
                let spec =
                    ListenSpec { protocol: protocol.clone(), local, interface: path.interface.clone() };
                if !specs.contains(&spec) {
                    specs.push(spec);
                }
                if specs.len() > MAX_LISTEN_SPECS {
                    let why = format!("listening like this takes more than {MAX_LISTEN_SPECS} sockets");
                    return Err(ListenFailure::InvalidConfiguration(why.into()));
                }
            }
        }
        if specs.is_empty() {
            return Err(ListenFailure::NoCandidates {
                properties: vec![SelectionProperty::UseTemporaryLocalAddress],
                why: "temporary addresses are required, and IPv4 has none".into(),
            });
        }
        Ok(specs)
    }
}

/// The address of a path, or else one for each family.
fn addresses(path: &Path) -> Vec<IpAddr> {
    match path.address {
        Some(address) => vec![address],
        None => vec![Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()],
    }
}
