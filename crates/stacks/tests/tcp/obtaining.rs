//! What was obtained, and what is measured.

use super::*;

#[tokio::test]
async fn keep_alive_is_had_by_those_who_ask_for_it() {
    for (preference, obtained) in [
        (None, Offer::Never),
        (Some(Preference::Prefer), Offer::Always),
        (Some(Preference::Require), Offer::Always),
        (Some(Preference::Avoid), Offer::Never),
    ] {
        let wanted = properties(|it| {
            if let Some(preference) = preference {
                it.selection.set(SelectionProperty::KeepAlive, preference);
            }
        });
        let mut acceptor = listen(&ListenOn::new(SocketAddr::new(V4, 0), wanted.clone()));
        let mut candidate = candidate(acceptor.local());
        candidate.properties = wanted;
        let (opened, accepted) = tokio::join!(connect(&candidate), accept(&mut acceptor));
        for offers in [opened.unwrap().offers, accepted.offers] {
            assert_eq!(offers.offer(SelectionProperty::KeepAlive), obtained, "{preference:?}");
            for property in SelectionProperty::ALL {
                assert_ne!(offers.offer(*property), Offer::Optional, "{property}");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_system_reports_what_it_measures() {
    let (mut client, mut server) = pair().await;
    write_all(&mut client, &[1; 100_000]).await.unwrap();
    let mut received = 0;
    while received < 100_000 {
        received += read(&mut server).await.unwrap().len();
    }
    acknowledged(&mut client).await.unwrap();
    let report = client.report();
    assert!(
        report.rtt.is_some_and(|rtt| rtt > Duration::ZERO && rtt < Duration::from_secs(10)),
        "{report:?}"
    );
    assert!(report.rtt_variation.is_some(), "{report:?}");
    assert!(report.congestion_window.is_some_and(|window| window >= 1_000), "{report:?}");
    assert!(report.delivery_rate.is_some(), "{report:?}");
    assert!(report.retransmissions.is_some(), "{report:?}");
    assert_eq!(report.unacknowledged, Some(0));
}
