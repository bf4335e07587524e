//! Properties: said with types or by name, read back, written as JSON. No network is needed to say what one wants.

use neatflow::prelude::*;
use neatflow::properties::{ALL, PropertyError, Scope};

fn main() -> Result<(), PropertyError> {
    // With types: what may be chosen.
    let mut wanted = TransportProperties::new()
        .require(Reliability)
        .prefer(Multistreaming)
        .prohibit(Interface::named("wwan0"));

    // By name: for what comes as text. Names of NEAT's Python API are understood as well.
    wanted.add("connTimeout", 2.5)?;
    wanted.set_by_name("conn-capacity-profile", "Low Latency/Interactive")?;
    println!("said:     {wanted}");

    // Read back; what was not said has its default.
    for name in ["reliability", "connTimeout", "keepAliveTimeout", "preserveOrder"] {
        println!("{name:<18}{}", wanted.get(name)?);
    }

    // What is nearly right is refused with what is, and nothing changes.
    for (name, value) in [("conTimeout", "3"), ("connTimeout", "soon"), ("connState", "Closed")] {
        if let Err(error) = wanted.set_by_name(name, value) {
            println!("refused:  {error}");
        }
    }

    // What contradicts itself is found before anything is sent.
    let contradictory = wanted.clone().prohibit(Reliability).require(PerMsgReliability);
    if let Err(error) = contradictory.validate() {
        println!("refused:  {error}");
    }

    // As JSON, both ways.
    let json = serde_json::json!(wanted);
    println!("as JSON:  {json}");
    let read: Result<TransportProperties, _> = serde_json::from_value(json);
    println!("the same: {}", read.is_ok_and(|read| read == wanted));

    let selection = ALL.iter().filter(|property| property.scope == Scope::Selection).count();
    println!("there are {} properties, {selection} of them to choose by", ALL.len());
    Ok(())
}
