//! A process that runs out of descriptors. The only test here takes all of them.

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use common::*;
use neatflow::name_resolver::NameServer;
use neatflow::prelude::*;
use std::time::Duration;

#[test]
fn a_hosts_file_that_could_not_be_opened_once_is_read_later() {
    let hosts = std::env::temp_dir().join(format!("neatflow-attack-hosts-{}", std::process::id()));
    std::fs::write(&hosts, "127.0.0.1 victim.example\n").unwrap();
    run(async {
        let builder = Transport::builder().hosts_file(&hosts).name_servers(Vec::<NameServer>::new());
        let transport = builder.resolution_timeout(Duration::from_secs(1)).start();
        let name = Preconnection::new(&transport).remote("victim.example:9");
        // Every descriptor is taken, where there are not too many for that.
        let mut taken = Vec::new();
        while taken.len() < 1 << 16
            && let Ok(file) = std::fs::File::open("/dev/null")
        {
            taken.push(file);
        }
        let without = within(name.resolve()).await;
        let all_were_taken = taken.len() < 1 << 16;
        drop(taken);
        match without {
            Ok(_) if !all_were_taken => skip("there are too many descriptors to take them all"),
            without => assert!(without.is_err(), "{without:?}"),
        }
        within(name.resolve()).await.unwrap();
    });
    std::fs::remove_file(&hosts).unwrap();
}
