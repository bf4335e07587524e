//! The few elements of SVG that a picture needs.

use std::fmt::Write;

/// Width of a character of the labels on average, in a wide font: fonts are not measured.
pub(super) const CHARACTER: f64 = 7.3;
/// Of the title.
const LARGE: f64 = 11.0;

/// A bar is at least this wide.
pub(super) const SHORTEST: f64 = 4.0;

/// Colours that are told apart by people who see few of them, and by their lightness in print; others where the reader
/// likes it dark.
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;font-variant-numeric:tabular-nums;fill:#222}.paper{fill:#fff}\
.title{font-size:16px;font-weight:600}.heading{font-weight:600}\
.quiet,text.cancelled,text.untried{fill:#6b6b6b}text.won{fill:#00694c;font-weight:600}\
text.failed,text.expired,text.negative{fill:#a33f00}rect.query{fill:#0072b2}rect.negative{fill:#8ebfdc}\
rect.won{fill:#009e73}rect.failed{fill:#d55e00}rect.expired{fill:#e69f00}rect.cancelled{fill:#b0b0b0}\
rect.running{fill:#56b4e9}rect.secure{fill:#fff;fill-opacity:.45}rect.timer{fill:#777}\
.grid{stroke:#e4e4e4}.winner{stroke:#009e73;stroke-width:1.5;stroke-dasharray:4 3}.due{stroke:#444;stroke-width:1.5}\
.mark{fill:#444}\
@media (prefers-color-scheme:dark){text{fill:#e6e6e6}.paper{fill:#16181c}\
.quiet,text.cancelled,text.untried{fill:#a0a6ad}text.won{fill:#4fd6a9}\
text.failed,text.expired,text.negative{fill:#ff9f66}rect.query{fill:#4aa8e0}rect.negative{fill:#2f6285}\
rect.won{fill:#1fb98a}rect.failed{fill:#e8733a}rect.cancelled{fill:#666c74}rect.secure{fill:#000;fill-opacity:.35}\
rect.timer{fill:#8f959c}.grid{stroke:#2e3238}.winner{stroke:#1fb98a}.due,.mark{stroke:#c4c8cc}.mark{fill:#c4c8cc}}";

/// Which end of a text is where it is put.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture in the making.
pub(super) struct Drawing(String);

impl Drawing {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\">\n<style>{STYLE}</style>\n\
             <rect width=\"100%\" height=\"100%\" class=\"paper\"/>\n"
        ))
    }

    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.say(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>"
        ));
    }

    /// What takes no time is seen, too.
    pub(super) fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str, title: &str) {
        let (x, width) = if width < SHORTEST { (x + (width - SHORTEST) / 2.0, SHORTEST) } else { (x, width) };
        let title = escaped(title);
        self.say(format_args!(
            "<rect x=\"{x:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{height:.1}\" class=\"{class}\">\
             <title>{title}</title></rect>"
        ));
    }

    pub(super) fn line(&mut self, (x, y): (f64, f64), (to_x, to_y): (f64, f64), class: &str) {
        self.say(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{to_x:.1}\" y2=\"{to_y:.1}\" class=\"{class}\"/>"
        ));
    }

    pub(super) fn mark(&mut self, x: f64, y: f64, title: &str) {
        let title = escaped(title);
        self.say(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" class=\"mark\"><title>{title}</title></circle>"
        ));
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn say(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{element}");
    }
}

/// How much room a label takes.
pub(super) fn room_of(text: &str) -> f64 {
    text.chars().count() as f64 * CHARACTER
}

/// As much of a title as has room.
pub(super) fn shortened_title(text: &str, room: f64) -> String {
    shortened(text, room * CHARACTER / LARGE)
}

/// As much of a label as has room, with an ellipsis for the rest.
pub(super) fn shortened(text: &str, room: f64) -> String {
    let most = (room / CHARACTER).round() as usize;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// XML has no place for control characters, not even as references.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            character if character.is_control() => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_end_its_element() {
        assert_eq!(escaped("</text>\"&\0\n"), "&lt;/text&gt;&quot;&amp;  ");
    }

    #[test]
    fn what_is_too_long_ends_in_an_ellipsis() {
        assert_eq!(shortened("short", 100.0), "short");
        assert_eq!(shortened("a rather long name", 10.0 * CHARACTER), "a rather…");
        assert_eq!(shortened("as it fits", room_of("as it fits")), "as it fits");
    }
}
