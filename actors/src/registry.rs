//! The protocol stacks of one transport.

use neatflow_core::Protocol;
use neatflow_core::policy::StackRow;
use neatflow_stacks::Stack;
use std::sync::Arc;

/// The stacks, in the order of registration, which breaks ties between them.
#[derive(Clone, Debug, Default)]
pub struct Registry(Vec<Arc<dyn Stack>>);

impl Registry {
    /// No stack.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The stacks this build has.
    pub fn built_in() -> Self {
        Self(vec![
            #[cfg(feature = "tcp")]
            Arc::new(neatflow_stacks::tcp::Tcp::new()),
            #[cfg(feature = "udp")]
            Arc::new(neatflow_stacks::udp::Udp::new()),
        ])
    }

    /// Adds a stack, in place of one with the same name.
    pub fn register(&mut self, stack: Arc<dyn Stack>) {
        let protocol = stack.protocol();
        match self.0.iter_mut().find(|known| known.protocol() == protocol) {
            Some(known) => *known = stack,
            None => self.0.push(stack),
        }
    }

    /// The stacks, in the order of registration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Stack>> {
        self.0.iter()
    }

    pub(crate) fn get(&self, protocol: &Protocol) -> Option<&Arc<dyn Stack>> {
        self.0.iter().find(|stack| stack.protocol() == *protocol)
    }

    pub(crate) fn rows(&self) -> Vec<StackRow> {
        self.0.iter().map(|stack| StackRow { protocol: stack.protocol(), offers: stack.offers() }).collect()
    }
}
