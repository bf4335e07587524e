//! What many races hid, for people.

use crate::report::{table, time};
use neatflow::racing::{Side, Tally};
use std::time::Duration;

pub(super) fn text(tally: &Tally) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        format!(
            "{} races: {} connected, {} by their first attempt, {} not; {} attempts, {} of them besides the first",
            tally.races, tally.won, tally.first_try, tally.lost, tally.attempts, tally.extra_attempts
        ),
    ];
    let head = ["", "tried", "won", "beaten", "share beaten"].map(str::to_owned).to_vec();
    let families = [("IPv6", &tally.ipv6), ("IPv4", &tally.ipv4)];
    let protocols = tally.protocols.iter().map(|(protocol, side)| (protocol.as_str(), side));
    let sides = families.into_iter().chain(protocols).filter(|(_, side)| side.tried > 0).map(row);
    lines.extend(table(std::iter::once(head).chain(sides).collect()));
    let quantile = |share| tally.connected.quantile(share).unwrap_or(Duration::ZERO);
    if let (Some(mean), Some(longest)) = (tally.connected.mean(), tally.connected.max()) {
        let named = [("mean", mean), ("half", quantile(0.5)), ("90 %", quantile(0.9)), ("longest", longest)];
        let told = named.map(|(name, took)| format!("{name} {}", time(took).trim_start()));
        lines.push(format!("  time to connected: {}", told.join(", ")));
    }
    lines
}

fn row((name, side): (&str, &Side)) -> Vec<String> {
    let share = side.share_beaten().map_or_else(String::new, |share| format!("{:.0} %", share * 100.0));
    vec![name.to_owned(), side.tried.to_string(), side.won.to_string(), side.beaten.to_string(), share]
}
