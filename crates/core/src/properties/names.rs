//! Names of properties and of their values (RFC 9622 §4.1).

/// Further away than this a name is no suggestion.
const MAX_DISTANCE: usize = 4;
/// More names than these are no suggestion.
const MAX_SUGGESTIONS: usize = 3;
/// Longer texts are not compared: no name is that long.
const MAX_LENGTH: usize = 64;

/// Whether `text` is the name, in any case, or written with underscores or hyphens between its words.
pub(super) fn is_name(name: &str, text: &str) -> bool {
    let letter = |c: char| if c == '-' { '_' } else { c.to_ascii_lowercase() };
    let snake = |c: char| c.is_ascii_uppercase().then_some('_').into_iter().chain([letter(c)]);
    text.eq_ignore_ascii_case(name) || name.chars().flat_map(snake).eq(text.chars().map(letter))
}

/// Whether two texts have the same letters and digits, whatever their case and what stands between them.
pub(super) fn same_words(one: &str, other: &str) -> bool {
    let letters = |text: &str| -> Vec<char> {
        let separator = |c: &char| matches!(c, ' ' | '-' | '_' | '/' | ',');
        text.chars().filter(|c| !separator(c)).map(|c| c.to_ascii_lowercase()).collect()
    };
    other.len() <= MAX_LENGTH && letters(one) == letters(other)
}

/// The names nearest to `text`, if any are near: [`MAX_SUGGESTIONS`] at most, those that are equally near, in the
/// order given. Each name is told by the first of a pair, and found by either.
pub(super) fn nearest(
    names: impl Iterator<Item = (&'static str, &'static str)>,
    text: &str,
) -> Vec<&'static str> {
    if text.len() > MAX_LENGTH {
        return Vec::new();
    }
    let limit = MAX_DISTANCE.min(text.chars().count() / 2);
    let measured = names.map(|(name, alias)| (distance(name, text).min(distance(alias, text)), name));
    let mut near: Vec<_> = measured.filter(|(distance, _)| *distance <= limit).collect();
    near.sort_by_key(|(distance, _)| *distance);
    let best = near.first().map_or(0, |(distance, _)| *distance);
    let equals = near.into_iter().take_while(|(distance, _)| *distance == best);
    equals.map(|(_, name)| name).take(MAX_SUGGESTIONS).collect()
}

/// How many letters have to be inserted, removed or changed to turn one text into the other (Levenshtein); case and
/// separators do not count.
fn distance(one: &str, other: &str) -> usize {
    let letters = |text: &str| -> Vec<char> {
        text.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
    };
    let (one, other) = (letters(one), letters(other));
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_written_in_any_case_and_with_underscores() {
        for text in
            ["connTimeout", "CONNTIMEOUT", "ConnTimeout", "conn_timeout", "Conn_Timeout", "conn-timeout"]
        {
            assert!(is_name("connTimeout", text), "{text}");
        }
        for text in ["", "conn", "con_ntimeout", "connTimeout ", "conn__timeout", "_connTimeout"] {
            assert!(!is_name("connTimeout", text), "{text}");
        }
        assert!(is_name("tcp.userTimeoutValue", "TCP.user_timeout_value"));
    }

    #[test]
    fn a_slip_of_the_pen_is_suggested_and_nonsense_is_not() {
        let names = || ["connTimeout", "connPriority", "maxSendRate", "minSendRate"].into_iter();
        let nearest = |text: &str| nearest(names().map(|name| (name, name)), text);
        assert_eq!(nearest("conTimeout"), ["connTimeout"]);
        assert_eq!(nearest("conn-prority"), ["connPriority"]);
        assert_eq!(nearest("mSendRate"), ["maxSendRate", "minSendRate"]);
        assert_eq!(nearest("frobnicate"), [""; 0]);
        assert_eq!(nearest(""), [""; 0]);
        assert_eq!(nearest(&"x".repeat(1 << 20)), [""; 0]);
    }

    #[test]
    fn a_slip_in_another_name_is_answered_with_the_name_of_the_rfc() {
        let names = [("safelyReplayable", "idempotent"), ("msgOrdered", "msg-ordered")].into_iter();
        assert_eq!(nearest(names, "idempotnet"), ["safelyReplayable"]);
    }
}
