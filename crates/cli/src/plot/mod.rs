//! A race as a picture: one lane for each question and each attempt, over an axis of milliseconds.
//!
//! A pure function of the record: no fonts are measured and nothing is fetched, so the same race is the same file.

mod lanes;
mod scale;
mod svg;

use lanes::{Lane, Section, sections};
use neatflow::RaceRecord;
use scale::Scale;
use svg::{Anchor, Drawing};

/// The bars have so much room, ..
const WIDTH: f64 = 600.0;
/// .. the names of the lanes, and what became of each, as much as they need, but no more than this and no less.
const NAMES: (f64, f64) = (200.0, 470.0);
const GAP: f64 = 12.0;
const MARGIN: f64 = 16.0;
const TOP: f64 = 84.0;
const LANE: f64 = 22.0;
const BAR: f64 = 13.0;
const HEADING: f64 = 26.0;

/// Where the columns are.
struct Layout {
    /// Where the bars begin.
    left: f64,
    /// Where they end.
    right: f64,
    width: f64,
}

impl Layout {
    fn of(sections: &[Section]) -> Self {
        let widest = |text: fn(&Lane) -> &str| {
            let lanes = sections.iter().flat_map(|section| &section.lanes);
            lanes.map(|lane| svg::room_of(text(lane))).fold(NAMES.0, f64::max).min(NAMES.1)
        };
        let left = MARGIN + widest(|lane| &lane.name) + GAP;
        let right = left + WIDTH;
        Self { left, right, width: right + GAP + widest(|lane| &lane.outcome) + MARGIN }
    }
}

/// An SVG of the race, with this title.
pub(crate) fn svg(record: &RaceRecord, title: &str) -> String {
    let sections = sections(record);
    let layout = Layout::of(&sections);
    let scale = Scale::up_to(record.timeline.latest(), layout.left, WIDTH);
    let height = |section: &Section| HEADING + LANE * section.lanes.len() as f64;
    let bottom = TOP + sections.iter().map(height).sum::<f64>();
    let mut drawing = Drawing::new(layout.width, bottom + MARGIN);
    let room = layout.width - 2.0 * MARGIN;
    drawing.text(MARGIN, 26.0, Anchor::Start, "title", &svg::shortened_title(title, room));
    let outcome = lanes::outcome(record);
    drawing.text(MARGIN, 46.0, Anchor::Start, "quiet", &svg::shortened(&outcome, room));
    axis(&mut drawing, &layout, &scale, bottom);
    let mut y = TOP;
    for section in &sections {
        drawing.text(MARGIN, y + HEADING - 8.0, Anchor::Start, "heading", section.name);
        y += HEADING;
        for lane in &section.lanes {
            draw(&mut drawing, &layout, &scale, lane, y);
            y += LANE;
        }
    }
    if let Some(won) = record.timeline.connected() {
        let x = scale.x(won);
        drawing.line((x, TOP - 6.0), (x, bottom), "winner");
    }
    drawing.finish()
}

fn axis(drawing: &mut Drawing, layout: &Layout, scale: &Scale, bottom: f64) {
    let mut end = layout.right;
    for (at, name) in scale.ticks() {
        let x = scale.x(at);
        drawing.line((x, TOP - 6.0), (x, bottom), "grid");
        drawing.text(x, TOP - 12.0, Anchor::Middle, "quiet", &name);
        end = end.max(x + svg::room_of(&name) / 2.0);
    }
    drawing.text(end + GAP, TOP - 12.0, Anchor::Start, "quiet", "ms");
}

fn draw(drawing: &mut Drawing, layout: &Layout, scale: &Scale, lane: &Lane, y: f64) {
    let base = y + LANE / 2.0 + 4.0;
    let name = svg::shortened(&lane.name, NAMES.1);
    drawing.text(layout.left - GAP, base, Anchor::End, "label", &name);
    for bar in &lane.bars {
        let (from, to) = (scale.x(bar.from), scale.x(bar.to));
        if bar.inside && to - from < svg::SHORTEST {
            continue;
        }
        let height = if bar.thin { 2.0 } else { BAR };
        let top = y + (LANE - height) / 2.0;
        drawing.bar((from, top), (to - from, height), bar.class, &bar.title);
        if bar.thin {
            drawing.line((to, y + 6.0), (to, y + LANE - 6.0), "due");
        }
    }
    for (at, title) in &lane.marks {
        drawing.mark(scale.x(*at), y + LANE / 2.0, title);
    }
    let said = svg::shortened(&lane.outcome, NAMES.1);
    drawing.text(layout.right + GAP, base, Anchor::Start, lane.class, &said);
}

#[cfg(test)]
mod tests {
    use super::*;
    use neatflow::racing::Timeline;
    use neatflow::{Candidate, CandidateId, Protocol, TransportProperties};
    use std::sync::Arc;

    /// IPv6 gets no answer, IPv4 wins after the attempt delay.
    fn a_black_hole() -> RaceRecord {
        let mut record = RaceRecord::default();
        record.timeline = serde_json::from_str::<Timeline>(
            r#"{
                "queries": [
                    { "id": 0, "name": "a&b.example", "kind": "AAAA", "sent_ms": 0.2, "answered_ms": 3.5,
                      "records": 1 },
                    { "id": 1, "name": "a&b.example", "kind": "A", "sent_ms": 0.3, "answered_ms": null,
                      "records": 0 }
                ],
                "lists": [{ "at_ms": 3.6, "order": [[0, "first"], [1, { "address": "precedence" }]] }],
                "timers": [{ "set_ms": 3.6, "due_ms": 253.6, "cause": "attempt_delay" },
                           { "set_ms": 253.6, "due_ms": 503.6, "cause": "attempt_delay" }],
                "attempts": [
                    { "id": 0, "round": 0, "cause": "first", "started_ms": 3.6,
                      "end": { "at_ms": 281.0, "reason": "cancelled" } },
                    { "id": 1, "round": 0, "cause": "timer", "started_ms": 253.6, "transport_ms": 270.0,
                      "end": { "at_ms": 281.0, "reason": "won" } }
                ]
            }"#,
        )
        .unwrap();
        for (id, remote) in ["[2001:db8::1]:80", "192.0.2.1:80", "192.0.2.2:80"].iter().enumerate() {
            let (id, remote) = (CandidateId(id as u32), remote.parse().unwrap());
            let wanted = Arc::new(TransportProperties::new());
            record.candidates.push(Candidate::new(id, Protocol::TCP, remote, wanted).into());
        }
        record
    }

    #[test]
    fn each_question_and_each_attempt_has_a_lane_and_what_became_of_it() {
        let picture = svg(&a_black_hole(), "race");
        for told in [
            "AAAA a&amp;b.example",
            "1 record, 3.5 ms",
            "no answer yet",
            "tcp [2001:db8::1]:80",
            "cancelled, 281.0 ms",
            "won, 281.0 ms",
            "tcp 192.0.2.2:80",
            "not tried",
            "attempt delay",
            "connected to tcp 192.0.2.1:80 after 281.0 ms",
        ] {
            assert!(picture.contains(told), "{told} in: {picture}");
        }
        assert_eq!(picture.matches("class=\"winner\"").count(), 1);
    }

    #[test]
    fn a_bar_is_as_long_as_what_it_stands_for() {
        let picture = svg(&a_black_hole(), "race");
        let bars = picture
            .lines()
            .filter(|line| line.contains("<rect") && line.contains("class=\"won\""))
            .collect::<Vec<_>>();
        let [bar] = bars[..] else { panic!("{bars:?}") };
        let number = |name: &str| -> f64 {
            let (_, rest) = bar.split_once(&format!(" {name}=\"")).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        // The axis ends with the race.
        let left = Layout::of(&sections(&a_black_hole())).left;
        assert!((number("x") - (left + WIDTH * 253.6 / 281.0)).abs() < 0.1, "{bar}");
        assert!((number("width") - WIDTH * 27.4 / 281.0).abs() < 0.1, "{bar}");
    }

    /// Where each text begins and ends, by its line.
    fn texts(picture: &str) -> Vec<(f64, f64, f64, &str)> {
        let lines = picture.lines().filter(|line| line.starts_with("<text"));
        let of = |line: &'_ str, name: &str| -> String {
            let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        lines
            .map(|line| {
                let (_, text) = line.strip_suffix("</text>").unwrap().split_once('>').unwrap();
                let (x, y): (f64, f64) = (of(line, "x").parse().unwrap(), of(line, "y").parse().unwrap());
                let width = svg::room_of(text) * if of(line, "class") == "title" { 1.5 } else { 1.0 };
                let from = match &*of(line, "text-anchor") {
                    "start" => x,
                    "middle" => x - width / 2.0,
                    _ => x - width,
                };
                (y, from, from + width, text)
            })
            .collect()
    }

    #[test]
    fn no_text_is_over_another_or_beyond_the_edge() {
        let mut long = a_black_hole();
        let remote = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535".parse().unwrap();
        Arc::make_mut(&mut long.candidates[0]).remote = remote;
        long.timeline.queries[0].name = "a-rather-long-name.".repeat(12);
        long.timeline.attempts[0].why = Some("a reason that is told at length ".repeat(9).into());
        let mut slow = a_black_hole();
        for timer in &mut slow.timeline.timers {
            timer.due = neatflow::Time::from_millis(30_000);
        }
        slow.timeline.attempts[0].end = None;
        for (record, title) in [(a_black_hole(), "race"), (long, &*"a title ".repeat(60)), (slow, "race")] {
            let picture = svg(&record, title);
            let width = Layout::of(&sections(&record)).width;
            let texts = texts(&picture);
            for (place, (y, from, to, text)) in texts.iter().enumerate() {
                assert!(*from >= 0.0 && *to <= width, "{text} is from {from} to {to} of {width}");
                for (other_y, other_from, other_to, other) in &texts[..place] {
                    let apart = from >= other_to || other_from >= to;
                    assert!(apart || (y - other_y).abs() >= 14.0, "{text} is over {other}");
                }
            }
        }
        let picture = svg(&a_black_hole(), "race");
        assert!(picture.contains("prefers-color-scheme:dark"), "{picture}");
    }

    #[test]
    fn a_race_in_which_nothing_happened_is_a_picture_too() {
        let picture = svg(&RaceRecord::default(), "<&>");
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
        assert!(picture.contains("&lt;&amp;&gt;") && !picture.contains("NaN"), "{picture}");
    }

    #[test]
    fn what_is_long_is_bounded() {
        let mut record = a_black_hole();
        let attempt = record.timeline.attempts[0].clone();
        record.timeline.attempts.extend((0..5000).map(|_| attempt.clone()));
        let picture = svg(&record, "race");
        assert!(picture.contains("and 4903 more"), "{}", picture.len());
        assert!(picture.len() < 100_000, "{}", picture.len());
    }
}
