//! What is asked of the transport on the command line.

use clap::Args as Arguments;
use neatflow::policy::neat::Alternatives;
use neatflow::properties::{ALL, Interface, Kind, Profile, PropertyError, Pvd, Selector, ValueFault};
use neatflow::{Preference, TransportProperties};
use std::fmt;
use std::sync::Arc;

#[derive(Debug, Arguments)]
#[command(next_help_heading = "What is asked of the transport")]
pub(crate) struct Wishes {
    /// Begin with these properties: reliable-inorder-stream, reliable-message or unreliable-datagram.
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    profile: Option<Profile>,

    /// Take only a transport that has this; may be given several times.
    ///
    /// PROPERTY is a selection property, by its name in RFC 9622 or in NEATPy (`neatflow properties` lists them),
    /// or a place: interface:NAME, pvd:NAME.
    #[arg(long, value_name = "PROPERTY", value_parser = about)]
    require: Vec<About>,

    /// Rather take one that has this; may be given several times.
    #[arg(long, value_name = "PROPERTY", value_parser = about)]
    prefer: Vec<About>,

    /// Rather take one that does not have this; may be given several times.
    #[arg(long, value_name = "PROPERTY", value_parser = about)]
    avoid: Vec<About>,

    /// Take none that has this; may be given several times.
    #[arg(long, value_name = "PROPERTY", value_parser = about)]
    prohibit: Vec<About>,

    /// Set any property by its name; may be given several times.
    ///
    /// Times are in seconds, rates in bit/s: --set connTimeout=2.5 --set safelyReplayable=true.
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<Setting>,

    /// Ask besides for what this file says in the language of NEAT's Policy Manager.
    ///
    /// An object of properties, or a list of them to choose from: {"transport": {"value": ["SCTP", "TCP"]}}. A
    /// transport that is not here is passed by.
    #[arg(long, value_name = "FILE", value_parser = neat_properties)]
    neat_properties: Option<Alternatives>,
}

/// What a preference is about, and how it was written.
#[derive(Clone, Debug)]
struct About {
    text: String,
    place: Option<Selector>,
}

#[derive(Clone, Debug)]
struct Setting {
    name: String,
    value: String,
}

/// One thing that was said.
#[derive(Clone, Copy, Debug)]
enum Said<'a> {
    Preference(Preference, &'a About),
    Value(&'a Setting),
}

impl Wishes {
    /// The profile, if one was asked for.
    pub(crate) fn profile(&self) -> Option<Profile> {
        self.profile
    }

    /// What was said, on top of `base`. The order in which options were given does not matter.
    ///
    /// *Errors*: two of them say different things of one property; too many or too long names of vendors.
    pub(crate) fn on(&self, base: TransportProperties) -> Result<TransportProperties, PropertyError> {
        let base = match &self.neat_properties {
            Some(neat) => base.with_neat(neat.clone()),
            None => base,
        };
        let said: Vec<_> = self.said().collect();
        let mut all = base.clone();
        said.iter().try_for_each(|one| one.apply(&mut all))?;
        for (place, one) in said.iter().enumerate() {
            if !one.holds(&all)? {
                let mut after = base.clone();
                one.apply(&mut after)?;
                for other in &said[place + 1..] {
                    other.apply(&mut after)?;
                    if !one.holds(&after)? {
                        let why = format!("{one} and {other}").into();
                        return Err(PropertyError::Contradiction(why));
                    }
                }
            }
        }
        Ok(all)
    }

    fn said(&self) -> impl Iterator<Item = Said<'_>> {
        let preferences = [
            (Preference::Require, &self.require),
            (Preference::Prefer, &self.prefer),
            (Preference::Avoid, &self.avoid),
            (Preference::Prohibit, &self.prohibit),
        ];
        let preferences = preferences.into_iter().flat_map(|(preference, abouts)| {
            abouts.iter().map(move |about| Said::Preference(preference, about))
        });
        self.set.iter().map(Said::Value).chain(preferences)
    }
}

impl Said<'_> {
    fn apply(&self, properties: &mut TransportProperties) -> Result<(), PropertyError> {
        match self {
            Self::Preference(preference, About { place: Some(place), .. }) => {
                properties.set(place.clone(), *preference);
                Ok(())
            }
            Self::Preference(preference, About { text, place: None }) => properties.add(text, *preference),
            Self::Value(Setting { name, value }) => properties.set_by_name(name, value),
        }
    }

    /// Whether to say it again would change nothing.
    fn holds(&self, properties: &TransportProperties) -> Result<bool, PropertyError> {
        let mut again = properties.clone();
        self.apply(&mut again)?;
        Ok(again == *properties)
    }
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preference(preference, about) => {
                write!(f, "--{} {}", preference.name().to_lowercase(), about.text)
            }
            Self::Value(Setting { name, value }) => write!(f, "--set {name}={value}"),
        }
    }
}

fn neat_properties(file: &str) -> Result<Alternatives, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    Alternatives::from_json(&text).map_err(|error| error.to_string())
}

fn profile(text: &str) -> Result<Profile, ValueFault> {
    text.parse()
}

fn about(text: &str) -> Result<About, String> {
    let named = |text: &str, place: fn(Arc<str>) -> Selector| match text {
        "" => Err("a place has a name: interface:NAME, pvd:NAME".to_owned()),
        name => Ok(place(name.into())),
    };
    let place = match text.split_once(':') {
        Some(("interface", name)) => Some(named(name, |name| Interface::named(name).into())?),
        Some(("pvd", name)) => Some(named(name, |name| Pvd::named(name).into())?),
        _ => None,
    };
    if place.is_some() {
        return Ok(About { text: text.to_owned(), place });
    }
    let mut scratch = TransportProperties::new();
    let set = scratch.add(text, Preference::Require).map_err(|error| error.to_string());
    let is_preference = |name: &str| ALL.iter().any(|row| row.name == name && row.kind == Kind::Preference);
    match set {
        Ok(()) if scratch.said().all(|(name, _)| is_preference(name)) => {
            Ok(About { text: text.to_owned(), place: None })
        }
        Ok(()) => Err(format!("nothing here knows the property {text}")),
        Err(_) if ["interface", "pvd"].contains(&text) => Err(format!("say which: {text}:NAME")),
        Err(why) => Err(why),
    }
}

fn setting(text: &str) -> Result<Setting, String> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    let mut scratch = TransportProperties::new();
    scratch.set_by_name(name, value).map_err(|error| error.to_string())?;
    Ok(Setting { name: name.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use neatflow::SelectionProperty::{Multistreaming, PreserveMsgBoundaries, Reliability};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        wishes: Wishes,
    }

    fn wishes(line: &str) -> Result<Wishes, clap::Error> {
        let words = std::iter::once("test").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.wishes)
    }

    fn on_nothing(line: &str) -> Result<TransportProperties, PropertyError> {
        wishes(line).unwrap().on(TransportProperties::new())
    }

    #[test]
    fn names_of_both_kinds_and_places_are_understood() {
        let said = "--require reliability --prefer preserve-msg-boundaries --avoid multistreaming \
                    --prohibit interface:wwan0 --prefer pvd:home --set connTimeout=2.5";
        let mut meant = TransportProperties::new()
            .require(Reliability)
            .prefer(PreserveMsgBoundaries)
            .avoid(Multistreaming)
            .prohibit(Interface::named("wwan0"))
            .prefer(Pvd::named("home"));
        meant.set_by_name("connTimeout", "2.5").unwrap();
        assert_eq!(on_nothing(said), Ok(meant));
    }

    #[test]
    fn to_say_two_things_of_one_property_is_a_contradiction_that_names_both() {
        for (line, both) in [
            (
                "--prohibit reliability --require Reliability",
                "--require Reliability and --prohibit reliability",
            ),
            ("--prefer keepAlive --set keep_alive=Avoid", "--set keep_alive=Avoid and --prefer keepAlive"),
            ("--set connTimeout=1 --set conn-timeout=2", "--set connTimeout=1 and --set conn-timeout=2"),
            ("--avoid interface:lo --prefer interface:lo", "--prefer interface:lo and --avoid interface:lo"),
        ] {
            assert_eq!(on_nothing(line), Err(PropertyError::Contradiction(both.into())), "{line}");
        }
        let twice = on_nothing("--require reliability --require reliability --set reliability=require");
        assert_eq!(twice, Ok(TransportProperties::new().require(Reliability)));
    }

    #[test]
    fn a_file_of_neats_properties_is_asked_for_besides_and_a_bad_one_is_refused_with_its_place() {
        let file = std::env::temp_dir().join(format!("neatflow-wishes-{}.json", std::process::id()));
        let line = format!("--require reliability --neat-properties {}", file.display());
        for (text, told) in [
            (r#"{"transport": {"value": ["SCTP", "TCP"], "precedence": 1}}"#, None),
            (
                r#"[{"transport": {"value": "TCP"}}, {"transport": {"value": "SCTP"}, "mtu": {"value": {"start": 1500, "end": "inf"}}}]"#,
                None,
            ),
            ("{\"transport\":\n {}}", Some("2:2: transport: ")),
            (r#"{"transport": {"value": [["TCP"]]}}"#, Some("a list or an object inside a list")),
        ] {
            std::fs::write(&file, text).unwrap();
            match (told, wishes(&line)) {
                (None, Ok(wishes)) => {
                    let wanted = wishes.on(TransportProperties::new()).unwrap();
                    assert_eq!(wanted.neat, Alternatives::from_json(text).unwrap());
                    assert_eq!(wanted.selection.preference(Reliability), Preference::Require);
                }
                (Some(why), Err(error)) => assert!(error.to_string().contains(why), "{text}: {error}"),
                (_, other) => panic!("{text}: {other:?}"),
            }
        }
        std::fs::remove_file(&file).unwrap();
        assert!(wishes(&line).unwrap_err().to_string().contains("No such file"));
    }

    #[test]
    fn what_is_no_property_or_value_is_refused_with_the_reason() {
        for (line, why) in [
            ("--require relibility", "did you mean reliability?"),
            ("--require connTimeout", "connTimeout cannot be"),
            ("--require canSend", "cannot be set"),
            ("--require interface", "interface:NAME"),
            ("--require interface:", "a place has a name"),
            ("--require _acme.colour", "nothing here knows"),
            ("--set conTimeout=1", "did you mean connTimeout?"),
            ("--set connTimeout=soon", "not a number"),
            ("--set connTimeout", "NAME=VALUE"),
            ("--profile datagram", "not one of reliable-inorder-stream"),
        ] {
            let error = wishes(line).unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}
