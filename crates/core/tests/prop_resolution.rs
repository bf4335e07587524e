//! Properties of the resolver's decisions: the cache, the search list, the order of servers and services.

use neatflow_core::racing::RecordKind;
use neatflow_core::resolution::{Cache, Kinds, Look, MAX_TTL, Search, Servers, Service, in_order};
use neatflow_core::{ResolutionFailure, Time};
use quickcheck::{Arbitrary, Gen, quickcheck};
use std::collections::BTreeMap;
use std::time::Duration;

/// What happens to a cache.
#[derive(Clone, Debug)]
enum Step {
    Look(u8),
    Land { key: u8, keep: bool, records: u8, ttl: u8 },
    Pass(u8),
    Clear,
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let key = u8::arbitrary(g) % 8;
        match u8::arbitrary(g) % 16 {
            0..8 => Self::Look(key),
            8..14 => Self::Land {
                key,
                keep: bool::arbitrary(g),
                records: u8::arbitrary(g),
                ttl: u8::arbitrary(g) % 9,
            },
            14 => Self::Pass(u8::arbitrary(g) % 9),
            _ => Self::Clear,
        }
    }
}

quickcheck! {
    /// Against a model that keeps everything: what is kept is right and still good, nobody asks what is open, and
    /// the bound holds after every step.
    fn a_cache_tells_the_truth_and_stays_within_its_bound(steps: Vec<Step>, most: u8) -> bool {
        let most = usize::from(most % 6);
        let mut cache = Cache::new(most);
        let mut model: BTreeMap<u8, (usize, Time)> = BTreeMap::new();
        let mut open = std::collections::BTreeSet::new();
        let mut now = Time::ZERO;
        for (value, step) in steps.into_iter().enumerate() {
            match step {
                Step::Look(key) => match cache.look(&key, now) {
                    Look::Kept(kept, left) => {
                        let Some(&(value, until)) = model.get(&key) else { return false };
                        if kept != value || until <= now || left != until.since(now) {
                            return false;
                        }
                    }
                    Look::Open if !open.contains(&key) => return false,
                    Look::Open => {}
                    Look::Ask => {
                        if !open.insert(key) {
                            return false;
                        }
                    }
                },
                Step::Land { key, keep, records, ttl } => {
                    let ttl = Duration::from_secs(u64::from(ttl));
                    cache.land(&key, keep.then_some(value), usize::from(records), ttl, now);
                    open.remove(&key);
                    if keep && !ttl.is_zero() && most > 0 {
                        model.insert(key, (value, now + ttl));
                    }
                }
                Step::Pass(seconds) => now += Duration::from_secs(u64::from(seconds)),
                Step::Clear => {
                    cache.clear();
                    model.clear();
                }
            }
            if cache.len() > most || cache.open() != open.len() {
                return false;
            }
        }
        true
    }

    /// With room for all of it, whatever lives is found.
    fn nothing_is_forgotten_while_there_is_room(ttls: Vec<u8>) -> bool {
        let ttls = &ttls[..ttls.len().min(50)];
        let mut cache = Cache::new(ttls.len());
        for (key, &ttl) in ttls.iter().enumerate() {
            cache.land(&key, Some(key), 1, Duration::from_secs(u64::from(ttl)), Time::ZERO);
        }
        let now = Time::from_origin(Duration::from_secs(100));
        ttls.iter().enumerate().all(|(key, &ttl)| matches!(cache.look(&key, now), Look::Kept(_, _)) == (ttl > 100))
    }

    fn no_time_to_live_is_too_long(seconds: u64) -> bool {
        let mut cache = Cache::new(1);
        cache.land(&1, Some(1), 1, Duration::from_secs(seconds), Time::ZERO);
        matches!(cache.look(&1, Time::ZERO + MAX_TTL), Look::Ask)
    }

    /// Whatever the names say, in whatever order: each type gets exactly one answer, all positive ones come from one
    /// name, and the search asks no name after that.
    fn a_search_answers_each_type_once_and_from_one_name(kinds: u8, names: Vec<Vec<u8>>) -> bool {
        let kinds: Kinds = Kinds::ALL.iter().filter(|&kind| Kinds::from(kind).len() & usize::from(kinds >> kind as u8) != 0).collect();
        if kinds.is_empty() || names.is_empty() {
            return true;
        }
        let mut search = Search::new(kinds, names.len());
        let mut answers: BTreeMap<RecordKind, Result<usize, ResolutionFailure>> = BTreeMap::new();
        let mut asked = 0;
        for (place, script) in names.iter().enumerate() {
            asked += 1;
            let mut open: Vec<_> = search.open().iter().collect();
            let mut next = false;
            while !open.is_empty() {
                let say = |index: usize| script.get(index).copied().unwrap_or(0);
                let kind = open.remove(usize::from(say(open.len())) % open.len());
                let result = match say(kind as usize) % 5 {
                    0 => Err(ResolutionFailure::NoSuchName { name: "x".into() }),
                    1 => Err(ResolutionFailure::NoAddresses { name: "x".into() }),
                    2 => Err(ResolutionFailure::ServerFailure { name: "x".into(), code: "x".into() }),
                    3 => Err(ResolutionFailure::TimedOut { name: "x".into(), after: Duration::ZERO }),
                    _ => Ok(place),
                };
                let passed = search.answer(kind, result);
                for (kind, result) in passed.answers {
                    if answers.insert(kind, result).is_some() {
                        return false;
                    }
                }
                next = passed.next;
            }
            if !next {
                break;
            }
        }
        let places: std::collections::BTreeSet<_> = answers.values().flatten().collect();
        answers.len() == kinds.len() && places.len() <= 1 && places.iter().all(|&&place| place + 1 == asked)
    }

    /// Every server is asked, whatever happened to it, and a healthy one before one that rests.
    fn every_server_is_asked_once(many: u8, silent: Vec<(u8, u8)>) -> bool {
        let many = usize::from(many % 8);
        let mut servers = Servers::new(many);
        let mut now = Time::ZERO;
        for (place, pass) in silent {
            now += Duration::from_secs(u64::from(pass));
            servers.silent(usize::from(place), now);
        }
        let mut order = servers.order(now);
        let later = servers.order(now + Duration::from_secs(65));
        order.sort_unstable();
        order.into_iter().eq(0..many) && later.into_iter().eq(0..many)
    }

    /// An order loses nobody but who is not there, never mixes priorities, and is the same for the same dice.
    fn services_come_by_priority(records: Vec<(u8, u16, u8)>, dice: u64) -> bool {
        let services: Vec<_> = records.iter().map(|&(priority, weight, target)| Service {
            priority: u16::from(priority % 4),
            weight,
            port: 1,
            target: if target == 0 { "".into() } else { target.to_string().into() },
        }).collect();
        let order = in_order(services.clone(), dice);
        let mut sorted = order.clone();
        sorted.sort();
        let mut there: Vec<_> = services.iter().filter(|service| !service.target.is_empty()).cloned().collect();
        there.sort();
        order.is_sorted_by_key(|service| service.priority) && sorted == there && order == in_order(services, dice)
    }
}
