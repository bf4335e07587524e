//! What a race knows: its questions, and its list.

use super::Race;
use crate::racing::config::MAX_LIST;
use crate::racing::input::{Entry, Output};
use crate::racing::order::Rule;
use crate::racing::source::Source;
use crate::racing::timeline::{Listing, QueryRecord};
use crate::time::Time;
use std::collections::BTreeSet;

impl Race {
    pub(super) fn ask(&mut self, now: Time) -> Option<Output> {
        let Source::Names(names) = &mut self.source else { return None };
        let query = names.ask()?;
        self.timeline.queries.push(QueryRecord {
            id: query.id,
            name: query.name.to_string(),
            kind: query.kind,
            sent: now,
            answered: None,
            records: 0,
            nothing: None,
        });
        Some(Output::Query(query))
    }

    pub(super) fn candidates(&mut self, list: Vec<Entry>, now: Time) {
        if let Source::Names(names) = &mut self.source {
            if !names.ranked_elsewhere {
                return;
            }
            names.is_ranking = false;
        }
        let mut list = list;
        list.sort_by_key(|entry| entry.priority); // stable: among equals, the one listed first
        let mut seen = BTreeSet::new();
        list.retain(|entry| seen.insert(entry.id));
        list.truncate(MAX_LIST);
        let rule = |(place, entry): (usize, &Entry)| if place == 0 { Rule::First } else { entry.rule };
        let rules = list.iter().enumerate().map(rule).collect();
        self.rank(list, rules, now);
    }

    /// Makes the list anew after something was learned.
    pub(super) fn relist(&mut self, now: Time) {
        let Source::Names(names) = &mut self.source else { return };
        // Of rankings one is under way at a time; what is learned meanwhile is for the next.
        if names.is_ranking || !std::mem::take(&mut names.changed) {
            return;
        }
        let known = names.note_addresses(&self.config, now);
        if names.ranked_elsewhere {
            if known || !self.list.is_empty() {
                names.is_ranking = true;
                self.undrained.push_back(Output::Rank);
            }
            return;
        }
        let arranged = names.arrange(&self.config);
        let (mut list, mut rules) = (Vec::new(), Vec::new());
        for (endpoint, rule) in arranged {
            let (delay, words) = (names.delay(&endpoint), endpoint.to_string());
            let at_once = endpoint.secures_at_once();
            let Some(id) = self.field.admit(endpoint) else { continue };
            if self.timeline.endpoints.len() == id.0 as usize {
                self.timeline.endpoints.push(words);
            }
            let priority = u32::try_from(list.len()).unwrap_or(u32::MAX);
            list.push(Entry::new(id, priority).delay(delay).secures_at_once(at_once));
            rules.push(rule);
        }
        self.rank(list, rules, now);
    }

    pub(super) fn rank(&mut self, list: Vec<Entry>, rules: Vec<Rule>, now: Time) {
        let was_out = self.untried.is_empty();
        self.untried = list.iter().filter(|entry| !self.tried.contains(&entry.id)).cloned().collect();
        if !list.is_empty() || !self.list.is_empty() {
            let order = list.iter().map(|entry| entry.id).zip(rules).collect();
            self.timeline.list(Listing::new(now, order));
        }
        self.list = list;
        if let Some(next) = self.untried.front() {
            if was_out {
                self.pace.resupplied(next, self.running == 0, now, &self.config);
            }
            if self.open {
                self.pace.begin(now);
            }
        }
    }
}
