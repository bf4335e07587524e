//! What is asked for in NEAT's language is asked for: through the front door, over real sockets.

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use common::*;
use neatflow::EstablishmentFailure;
use neatflow::prelude::*;

#[test]
fn a_transport_in_neats_language_is_used() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let asked = r#"{"transport": {"value": ["SCTP", "TCP"], "precedence": 2}}"#;
        let connection =
            Preconnection::new(&transport).remote(server).neat_properties(asked).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(connection.stack().as_str(), "tcp");
        connection.abort();
    });
}

#[test]
fn a_transport_that_is_not_here_is_refused_by_name() {
    run(async {
        let transport = Transport::start();
        let asked = r#"{"transport": {"value": "SCTP", "precedence": 2}}"#;
        let connection =
            Preconnection::new(&transport).remote("127.0.0.1:9").neat_properties(asked).initiate().unwrap();
        let Err(failure) = within(connection.ready()).await else { panic!("it is ready") };
        assert!(matches!(*failure, EstablishmentFailure::NoCandidates { .. }), "{failure}");
        assert!(failure.to_string().contains("SCTP"), "{failure}");
    });
}

#[test]
fn a_fault_in_the_text_is_told_by_initiate_with_its_place() {
    run(async {
        let transport = Transport::start();
        let wrong =
            Preconnection::new(&transport).remote("127.0.0.1:9").neat_properties("{\n \"transport\": {}}");
        let error = wrong.initiate().unwrap_err().to_string();
        assert_eq!(error, "2:15: transport: an empty transport");
    });
}
