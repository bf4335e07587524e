//! neatflow, through the front door.

mod mailbox;
mod session;

use crate::Failure;
use crate::order::{Service, Variant};
use actix::System;
use neatflow::prelude::*;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;

/// Serves on one arbiter. Returns only when it fails.
pub(crate) fn serve(variant: Variant, address: &Sender<SocketAddr>, service: Service) -> Result<(), Failure> {
    System::new().block_on(async {
        let transport = Transport::start();
        let preconnection = Preconnection::new(&transport).local("127.0.0.1:0").properties(match service {
            Service::EchoDatagrams => TransportProperties::unreliable_datagram(),
            _ => TransportProperties::reliable_inorder_stream(),
        });
        let listener = match variant {
            Variant::Mailbox => mailbox::listen(preconnection, service)?,
            other => return Err(format!("{} is not neatflow's", other.name()).into()),
        };
        let listening = listener.listening().await?;
        address.send(*listening.first().ok_or("it listens nowhere")?)?;
        std::future::pending().await
    })
}
