//! What the policy manager says in NEAT's JSON.

use super::actor::PolicyManager;
use super::files::now;
use super::messages::{Ask, Base, Entry, Import, Remove, Rows, Uids};
use actix::prelude::*;
use neatflow_core::policy::daemon::{Imported, import_nodes, import_policies, rows_in_json};
use neatflow_core::policy::neat::PolicyError;
use neatflow_core::policy::{CibNode, LookupError, Policy};

impl PolicyManager {
    /// The interfaces are nodes for whoever speaks NEAT's language: what libneat reports links to them.
    fn follow_interfaces(&mut self) {
        self.look_if(false);
        self.interface_nodes.follow(&mut self.engine, &self.inventory.interfaces);
    }
}

impl Handler<Ask> for PolicyManager {
    type Result = Result<String, LookupError>;

    fn handle(&mut self, ask: Ask, _: &mut Self::Context) -> Self::Result {
        self.follow_interfaces();
        self.engine.answer(&ask.request, now())
    }
}

impl Handler<Import> for PolicyManager {
    type Result = Result<Imported, PolicyError>;

    fn handle(&mut self, import: Import, _: &mut Self::Context) -> Self::Result {
        self.follow_interfaces();
        let (engine, Import { base, text, uid }) = (&mut self.engine, &import);
        match base {
            Base::Pib => import_policies(engine, text, uid.as_deref()),
            Base::Cib => import_nodes(engine, text, uid.as_deref(), now()),
        }
    }
}

impl Handler<Uids> for PolicyManager {
    type Result = MessageResult<Uids>;

    fn handle(&mut self, Uids(base): Uids, _: &mut Self::Context) -> Self::Result {
        self.follow_interfaces();
        self.engine.expire(now());
        MessageResult(match base {
            Base::Pib => self.engine.pib().iter().map(|policy| policy.uid.to_string()).collect(),
            Base::Cib => self.engine.cib().nodes().map(|node| node.uid.to_string()).collect(),
        })
    }
}

impl Handler<Entry> for PolicyManager {
    type Result = Option<String>;

    fn handle(&mut self, Entry { base, uid }: Entry, _: &mut Self::Context) -> Self::Result {
        self.follow_interfaces();
        self.engine.expire(now());
        match base {
            Base::Pib => self.engine.pib().get(&uid.to_lowercase()).map(Policy::to_json),
            Base::Cib => self.engine.cib().get(&uid).map(CibNode::to_json),
        }
    }
}

impl Handler<Remove> for PolicyManager {
    type Result = bool;

    fn handle(&mut self, Remove { base, uid }: Remove, _: &mut Self::Context) -> Self::Result {
        match base {
            Base::Pib => self.engine.pib_mut().remove(&uid.to_lowercase()).is_some(),
            Base::Cib => self.engine.cib_mut().remove(&uid).is_some(),
        }
    }
}

impl Handler<Rows> for PolicyManager {
    type Result = String;

    fn handle(&mut self, _: Rows, _: &mut Self::Context) -> Self::Result {
        self.follow_interfaces();
        self.engine.expire(now());
        rows_in_json(self.engine.cib())
    }
}
