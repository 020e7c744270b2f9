//! What stands in Redis, compared with the plain model.

use super::layout::{GROUPS, LANE_MAX, LANES, QUEUES, lane_of};
use super::server::Key;
use super::shard::{Hold, Kept, Shard};
use std::collections::{BTreeMap, BTreeSet};

type Fields = BTreeMap<String, String>;

/// Redis holds what the model holds, and every lane with jobs is on its way to be looked at.
pub fn agree(keys: Vec<Key>, shard: &Shard) -> Kept {
    let mut found: BTreeMap<String, Fields> = BTreeMap::new();
    let mut offered: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (name, _, words) in keys {
        let queue = QUEUES.iter().position(|queue| name.starts_with(&format!("q:{queue}:")));
        let Some(part) = name.rsplit_once(":wake:") else {
            if is_compared(&name, &words) {
                found.insert(name.clone(), fields(&name, &words));
            }
            continue;
        };
        let group = part.1;
        for lane in words.chunks_exact(2) {
            let lane = String::from_utf8_lossy(&lane[0]).into_owned();
            let known = (0..LANES.len()).find(|at| LANES[*at] == lane && GROUPS[*at] == group);
            offered.extend(queue.zip(known));
        }
    }
    let told = expected(shard);
    if found != told {
        return Err(format!("Redis holds {found:?}\n  instead of {told:?}"));
    }
    for place in shard.waiting.keys() {
        let held = shard.busy.get(place).map_or(0, Vec::len);
        if !offered.contains(place) && held == 0 {
            return Err(format!("nobody will look at {} again", LANES[place.1]));
        }
        assert!(held <= LANE_MAX[place.0], "the model itself lends too much");
    }
    Ok(())
}

fn is_compared(name: &str, words: &[Vec<u8>]) -> bool {
    let is_zero = name.ends_with(":depth") && words[0] == b"0";
    let is_queue = name.starts_with("q:") && !name.ends_with(":groups");
    let is_empty = words.is_empty();
    let others = ["busy", "sessions", "reaping", "epoch"].contains(&name);
    !is_zero && !is_empty && (is_queue || others)
}

fn fields(name: &str, words: &[Vec<u8>]) -> Fields {
    let text = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
    if name.contains(":lane:") {
        let job = |pair: &[Vec<u8>]| {
            (format!("{} {}", pair[0][15], text(&pair[0][16..].to_vec())), text(&pair[1]))
        };
        return words.chunks_exact(2).map(job).collect();
    }
    if words.len() == 1 {
        return Fields::from([(String::new(), text(&words[0]))]);
    }
    words.chunks_exact(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

fn expected(shard: &Shard) -> BTreeMap<String, Fields> {
    let mut told: BTreeMap<String, Fields> = BTreeMap::new();
    let mut put = |key: String, field: String, value: String| {
        told.entry(key).or_default().insert(field, value);
    };
    for ((queue, lane), jobs) in &shard.waiting {
        for ((id, generation), due) in jobs {
            let key = format!("q:{}:lane:{}", QUEUES[*queue], LANES[*lane]);
            put(key, format!("{id} {generation}"), due.to_string());
        }
    }
    for (lane, name) in LANES.iter().enumerate() {
        let lists = shard.busy.iter().filter(|((_, of), _)| *of == lane);
        let holds =
            lists.flat_map(|((queue, _), list)| list.iter().map(|hold| text_of(hold, *queue)));
        let mut holds: Vec<String> = holds.collect();
        holds.sort();
        if !holds.is_empty() {
            put("busy".to_owned(), (*name).to_owned(), holds.join(", "));
        }
    }
    for (queue, name) in QUEUES.iter().enumerate() {
        let depth = shard.depth(queue);
        if depth > 0 {
            put(format!("q:{name}:depth"), String::new(), depth.to_string());
        }
    }
    for (session, ends) in &shard.sessions {
        put("sessions".to_owned(), format!("{session:016x}"), ends.to_string());
    }
    if shard.epoch > 0 {
        put("epoch".to_owned(), String::new(), shard.epoch.to_string());
    }
    told
}

/// As the dump shows it.
fn text_of(hold: &Hold, queue: usize) -> String {
    let Hold { id, fence, generation, due, newer, is_late } = hold;
    let (newer, newer_due) =
        newer.map_or_else(Default::default, |newer| (newer.0.to_string(), newer.1.to_string()));
    let (first, group) = (if *is_late { 'H' } else { 'h' }, GROUPS[lane_of(*id)]);
    let (fence, queue) = (fence.text(), QUEUES[queue]);
    format!("{first}{group} {fence} {queue} {due} {id} {generation} {newer} {newer_due}")
}

/// Nothing but what a shard keeps for ever, and parked lanes that expire by themselves.
pub fn is_clean(keys: &[Key]) -> Kept {
    const KEPT: [&str; 8] =
        ["test", "identity", "epoch", "beat", "sessions", "shut", "doors", "suspects"];
    for (name, expires_ms, words) in keys {
        let is_kept = KEPT.contains(&name.as_str());
        let is_parked = name.starts_with("parked:") && *expires_ms > 0;
        let is_zero = name.ends_with(":depth") && words[0] == b"0";
        let is_shut_only = name == "busy" && words.is_empty();
        if !is_kept && !is_parked && !is_zero && !is_shut_only {
            return Err(format!("{name} is left over: {words:?}"));
        }
    }
    Ok(())
}
