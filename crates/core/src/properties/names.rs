//! Names of properties and of their values (RFC 9622 §4.1).

/// Further away than this a name is no suggestion.
const MAX_DISTANCE: usize = 4;
/// Longer texts are not compared: no name is that long.
const MAX_LENGTH: usize = 64;

/// Whether `text` is the name, in any case, or written with underscores or hyphens between its words.
pub(super) fn is_name(name: &str, text: &str) -> bool {
    text.eq_ignore_ascii_case(name) || {
        let mut snake = String::with_capacity(name.len() + 6);
        for c in name.chars() {
            if c.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        text.replace('-', "_").eq_ignore_ascii_case(&snake)
    }
}

/// Whether two texts have the same letters and digits, whatever their case and what stands between them.
pub(super) fn same_words(one: &str, other: &str) -> bool {
    let letters = |text: &str| -> Vec<char> {
        let separator = |c: &char| matches!(c, ' ' | '-' | '_' | '/' | ',');
        text.chars().filter(|c| !separator(c)).map(|c| c.to_ascii_lowercase()).collect()
    };
    other.len() <= MAX_LENGTH && letters(one) == letters(other)
}

/// The name nearest to `text`, if one is near.
pub(super) fn nearest(names: impl Iterator<Item = &'static str>, text: &str) -> Option<&'static str> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let limit = MAX_DISTANCE.min(text.chars().count() / 2);
    let measured = names.map(|name| (distance(name, text), name));
    // `min_by_key` takes the first of equals: the order of the RFC.
    measured.min_by_key(|(distance, _)| *distance).filter(|(near, _)| *near <= limit).map(|(_, name)| name)
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
        let names = || ["connTimeout", "connPriority", "reliability"].into_iter();
        assert_eq!(nearest(names(), "conTimeout"), Some("connTimeout"));
        assert_eq!(nearest(names(), "reliabilty"), Some("reliability"));
        assert_eq!(nearest(names(), "frobnicate"), None);
        assert_eq!(nearest(names(), ""), None);
        assert_eq!(nearest(names(), &"x".repeat(1 << 20)), None);
    }
}
