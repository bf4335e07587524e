//! Profiles: three sets of properties that are often wanted together, and what each one gets here. Nobody names a
//! protocol: it follows from what is wanted. A listener on loopback takes whatever comes.

use neatflow::prelude::*;
use neatflow::properties::Profile;
use neatflow::{Error, EstablishmentFailure};

#[actix::main]
async fn main() -> Result<(), Error> {
    let transport = Transport::start();
    let listener = Preconnection::new(&transport)
        .local("127.0.0.1:0")
        .no_preference(Reliability)
        .no_preference(PreserveOrder)
        .no_preference(CongestionControl)
        // Over UDP a message may come twice: whoever takes it has to say that it does no harm.
        .set("safelyReplayable", true)
        .listen()?;
    let address = listener.listening().await?[0];
    for (protocol, address) in listener.sockets() {
        println!("listening on {address} {protocol}");
    }

    for profile in Profile::ALL {
        let wanted = TransportProperties::from(*profile);
        println!("\n{profile}: {wanted}");
        let connection = Preconnection::new(&transport).remote(address).properties(wanted).initiate()?;
        match connection.ready().await {
            Ok(()) => println!("  gets {}", connection.stack()),
            Err(failure) => println!("  gets nothing: {}", why(&failure)),
        }
    }
    Ok(())
}

fn why(failure: &EstablishmentFailure) -> String {
    let names: Vec<_> = failure.properties().iter().map(|property| property.name()).collect();
    if names.is_empty() { failure.to_string() } else { format!("nothing here gives {}", names.join(", ")) }
}
