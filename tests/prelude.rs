//! Programs use actix's prelude and ours side by side: no name may stand in both.

use actix::prelude::*;
use neatflow::prelude::*;

#[test]
fn both_preludes_can_be_used_together() {
    fn named<T: ?Sized>() -> usize {
        size_of::<&T>()
    }
    // An ambiguous name would not compile.
    let ours = [
        named::<(Aborted, AllWritten, Closed, ConnectionError, ConnectionReceived, EstablishmentError)>(),
        named::<(ListenError, Ready, ReceiveError, Received, Sent, Stopped, Timeout)>(),
        named::<(Connection, ConnectionRef, Event, Listener, ListenerRef, LocalEndpoint)>(),
        named::<(Preconnection, Preference, RemoteEndpoint, Transport, TransportProperties)>(),
        named::<(SelectionProperty, CapacityProfile, Interface)>(),
    ];
    let theirs = [named::<dyn Message<Result = ()>>(), named::<(Context<Nobody>, Addr<Nobody>)>()];
    assert!(ours.iter().chain(&theirs).all(|size| *size > 0));
}

struct Nobody;

impl Actor for Nobody {
    type Context = Context<Self>;
}
