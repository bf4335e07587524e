//! neatflow, through the front door.

mod crowd;
mod peer;
mod server;
mod session;
mod trade;

use crate::Failure;
use crate::order::{Service, Serving, Variant};
use actix::System;
use neatflow::prelude::*;
use peer::{Acceptor, By};
use server::Server;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use trade::Trade;

/// Serves on one arbiter, or on several where more threads are asked for. Returns only when it fails.
pub(crate) fn serve(address: &Sender<SocketAddr>, serving: Serving) -> Result<(), Failure> {
    System::new().block_on(async {
        let pool = if serving.threads > 1 { serving.threads } else { 0 };
        let transport = Transport::builder().arbiters(pool).start();
        let properties = match serving.service {
            Service::EchoDatagrams => TransportProperties::unreliable_datagram(),
            _ => TransportProperties::reliable_inorder_stream(),
        };
        let preconnection = Preconnection::new(&transport).local("127.0.0.1:0").properties(properties);
        let listener = staffed(preconnection, serving)?.listen()?;
        let listening = listener.listening().await?;
        address.send(*listening.first().ok_or("it listens nowhere")?)?;
        std::future::pending().await
    })
}

/// Whoever serves is made on each arbiter that accepts.
fn staffed(preconnection: Preconnection, serving: Serving) -> Result<Preconnection, Failure> {
    let trade = Trade::new(serving.service);
    let by = match serving.variant {
        Variant::Mailbox => By::Mailbox,
        Variant::Attached => By::Attachment,
        Variant::FlowSet => {
            let make = move || Server::of_all(trade.clone());
            return Ok(preconnection.subscribe_each::<ConnectionReceived, _>(make));
        }
        other => return Err(format!("{} is not neatflow's", other.name()).into()),
    };
    Ok(preconnection.subscribe_each::<ConnectionReceived, _>(move || Acceptor::new(trade.clone(), by)))
}
