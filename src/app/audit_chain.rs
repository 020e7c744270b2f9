//! Seals the audit into its chain, looks whether the chain is whole, brings it out, and forgets its
//! beginning where that is wanted.

use crate::App;
use base::Fault;
use base::digest::hex;
use serde::Serialize;
use std::time::Duration;
use store::Store;
use store::audit_chain::{Anchor, BEGINNING, Head, Link, Said, link};

/// Rows of one turn of the sealer.
const SEALED_AT_ONCE: i64 = 1_000;
/// Turns of one sweep; what is left comes with the next.
const TURNS_MAX: u32 = 20;
/// Digits of a hash that a line of the log shows (`base::redact`).
const LOGGED: usize = 40;
/// Links of one look.
const LOOKED_AT_ONCE: i64 = 2_000;
/// Findings that are told; a chain with more is told of as broken all the same.
const FINDINGS_MAX: usize = 100;

/// Seals what waits. The new end goes into the log, where whoever can change the database cannot
/// reach it.
///
/// # Errors
/// When Postgres fails; the next sweep goes on.
pub(crate) async fn seal(app: &App) -> Result<(), Fault> {
    for _ in 0..TURNS_MAX {
        let Some(Head { no, hash }) = app.0.store.seal_audit(SEALED_AT_ONCE).await? else { break };
        // All of it would be taken for a secret; so much of it names one chain alone, too.
        let hash = hash.get(..LOGGED).unwrap_or(&hash);
        tracing::info!(no, hash, "the audit is sealed up to here");
    }
    Ok(())
}

/// Forgets what is older than `age`, from the beginning of the chain up to the first row that is
/// younger; how many rows went. What is not what was written is kept, for whoever looks into it.
///
/// # Errors
/// When Postgres fails; the next walk goes on.
pub(crate) async fn forget(app: &App, age: Duration) -> Result<u64, Fault> {
    let store = &app.0.store;
    let older_than = store.time().await? - age;
    let mut all = 0;
    loop {
        let anchor = store.audit_anchor().await?;
        let mut walk = Walk::new(anchor.as_ref(), None);
        let links = store.audit_links(walk.no, LOOKED_AT_ONCE).await?;
        let is_old = |link: &&Link| {
            // A row that is gone says no time; what is wrong about it is found by the walk.
            link.said.as_ref().is_none_or(|said| said.at_us < older_than.ms() * 1_000)
        };
        let old: Vec<&Link> = links.iter().take_while(is_old).collect();
        let Some(last) = old.last() else { return Ok(all) };
        old.iter().for_each(|link| walk.step(link));
        if let Some(found) = walk.findings.first() {
            tracing::error!(
                kind = found.kind,
                row = found.row,
                no = found.no,
                "the audit is not what was written, so nothing of it is forgotten: \
                 `postfleet audit verify` tells more"
            );
            return Ok(all);
        }
        let gone = store.forget_audit(last.no, older_than).await?;
        if gone == 0 {
            return Ok(all);
        }
        all += gone;
        let hash = hex(&last.hash);
        let hash = hash.get(..LOGGED).unwrap_or(&hash);
        tracing::info!(no = last.no, hash, gone, "the audit is forgotten up to here");
    }
}

/// What is wrong with a row of the audit, or with its link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// `forged`, `deleted`, `moved`, `outside`, `cut` or `forgotten`.
    pub kind: &'static str,
    /// The number of the row.
    pub row: Option<i64>,
    /// Its place in the chain.
    pub no: Option<i64>,
    /// What that means.
    pub words: String,
}

/// What looking through the whole chain came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Links that were looked at.
    pub links: u64,
    /// What is before them was forgotten because of its age.
    pub forgotten: Option<Anchor>,
    /// Where the chain ends.
    pub head: Head,
    /// What is wrong; nothing is whole.
    pub findings: Vec<Finding>,
}

/// Looks through the chain from its beginning, or from where what is before was forgotten: every row is what it was when it was sealed, none
/// is missing, and none stands elsewhere. `known` is an end that was noted elsewhere, or how its hash
/// begins: the chain has to lead through it.
///
/// # Errors
/// When Postgres fails.
pub async fn verify(store: &Store, known: Option<&Head>) -> Result<Verified, Fault> {
    let anchor = store.audit_anchor().await?;
    let mut walk = Walk::new(anchor.as_ref(), known);
    loop {
        let links = store.audit_links(walk.no, LOOKED_AT_ONCE).await?;
        let Some(last) = links.last().map(|link| link.no) else { break };
        links.iter().for_each(|link| walk.step(link));
        walk.no = last;
    }
    for row in store.audit_outside(i64::try_from(FINDINGS_MAX).unwrap_or(i64::MAX)).await? {
        let words = "no link seals it: it was put there past the trigger, or its link is gone";
        walk.find("outside", (Some(row), None), words.to_owned());
    }
    Ok(walk.end())
}

/// Each link with its row, in order, for whoever keeps the audit elsewhere.
///
/// # Errors
/// When Postgres fails, or `each` does.
pub async fn export(
    store: &Store,
    after: i64,
    mut each: impl FnMut(&Exported) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    let (mut no, mut count) = (after, 0);
    loop {
        let links = store.audit_links(no, LOOKED_AT_ONCE).await?;
        let Some(last) = links.last().map(|link| link.no) else { return Ok(count) };
        for Link { no, hash, content_sha256, said, .. } in links {
            let (hash, content_sha256) = (hex(&hash), hex(&content_sha256));
            each(&Exported { no, content_sha256, hash, row: said })?;
            count += 1;
        }
        no = last;
    }
}

/// A line of an export.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// Its place in the chain.
    pub no: i64,
    /// The hash of what the row said when it was sealed.
    pub content_sha256: String,
    /// The hash of the link.
    pub hash: String,
    /// The row, where it is there still.
    pub row: Option<Said>,
}

/// A look through the chain, as far as it is.
struct Walk<'a> {
    no: i64,
    hash: Vec<u8>,
    links: u64,
    anchor: Option<&'a Anchor>,
    known: Option<&'a Head>,
    is_known_met: bool,
    findings: Vec<Finding>,
}

impl<'a> Walk<'a> {
    fn new(anchor: Option<&'a Anchor>, known: Option<&'a Head>) -> Self {
        let begun = anchor.map(|anchor| (anchor.no, anchor.hash.clone()));
        let (no, hash) = begun.unwrap_or_else(|| (0, BEGINNING.to_vec()));
        let is_known_met = known.is_some_and(|known| known.is_at(no, &hash));
        Self { no, hash, links: 0, anchor, known, is_known_met, findings: Vec::new() }
    }

    fn find(&mut self, kind: &'static str, (row, no): (Option<i64>, Option<i64>), words: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { kind, row, no, words });
        }
    }

    fn step(&mut self, at: &Link) {
        let (row, no) = (Some(at.audit_id), Some(at.no));
        match &at.said {
            None => {
                let words = "its row is gone; the hash of what it said is all that is left";
                self.find("deleted", (row, no), words.to_owned());
            }
            Some(said) if said.sha256().as_slice() != at.content_sha256 => {
                let words =
                    format!("it says {:?} on {}, not what was sealed", said.action, said.subject);
                self.find("forged", (row, no), words);
            }
            Some(_) => {}
        }
        if at.no != self.no + 1 {
            let words = format!("between the links {} and {} some are missing", self.no, at.no);
            self.find("deleted", (None, no), words);
        } else if link(&self.hash, at.no, at.audit_id, &at.content_sha256).as_slice() != at.hash {
            let words = "its hash does not follow from what is before it: it was changed or moved";
            self.find("moved", (row, no), words.to_owned());
        }
        if self.known.is_some_and(|known| known.is_at(at.no, &at.hash)) {
            self.is_known_met = true;
        }
        self.links += 1;
        (self.no, self.hash) = (at.no, at.hash.clone());
    }

    fn end(mut self) -> Verified {
        let forgotten = self.anchor.filter(|anchor| self.known.is_some_and(|k| k.no < anchor.no));
        if let Some(anchor) = forgotten {
            let words = format!(
                "what is before link {} was forgotten on {}, so nobody can tell; note a later end",
                anchor.no + 1,
                anchor.at
            );
            self.find("forgotten", (None, self.known.map(|known| known.no)), words);
        } else if let Some(known) = self.known.filter(|_| !self.is_known_met) {
            let words = format!(
                "the chain does not lead through {}: it was cut and made anew, or that is another \
                 fleet's",
                known.hash
            );
            self.find("cut", (None, Some(known.no)), words);
        }
        let head = Head { no: self.no, hash: hex(&self.hash) };
        let forgotten = self.anchor.cloned();
        Verified { links: self.links, forgotten, head, findings: self.findings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn said(id: i64) -> Said {
        Said {
            id,
            tenant_id: Uuid::from_u128(1),
            actor: "operator".into(),
            action: "post.cancel".into(),
            subject: format!("pst_{id}"),
            reason: "a typo".into(),
            before: "null".into(),
            after: "null".into(),
            at_us: id,
        }
    }

    fn chain(ids: &[i64]) -> Vec<Link> {
        let mut hash = BEGINNING.to_vec();
        let mut links = Vec::new();
        for (no, id) in (1..).zip(ids) {
            let content = said(*id).sha256();
            hash = link(&hash, no, *id, &content).to_vec();
            let (content_sha256, said) = (content.to_vec(), Some(said(*id)));
            links.push(Link { no, audit_id: *id, content_sha256, hash: hash.clone(), said });
        }
        links
    }

    fn kinds(links: &[Link], known: Option<&Head>) -> Vec<(&'static str, Option<i64>)> {
        kinds_from(None, links, known)
    }

    fn kinds_from(
        anchor: Option<&Anchor>,
        links: &[Link],
        known: Option<&Head>,
    ) -> Vec<(&'static str, Option<i64>)> {
        let mut walk = Walk::new(anchor, known);
        links.iter().for_each(|link| walk.step(link));
        walk.end().findings.into_iter().map(|one| (one.kind, one.row)).collect()
    }

    // case: S-11
    #[test]
    fn a_forged_a_deleted_and_a_moved_row_are_named() {
        let whole = chain(&[3, 5, 4, 9]);
        assert_eq!(kinds(&whole, None), []);
        let mut forged = whole.clone();
        forged[1].said.as_mut().unwrap().reason = "an order".into();
        assert_eq!(kinds(&forged, None), [("forged", Some(5))]);
        // Sealed anew by somebody who can do that: what comes behind no longer follows.
        let content = forged[1].said.as_ref().unwrap().sha256();
        forged[1].content_sha256 = content.to_vec();
        forged[1].hash = link(&forged[0].hash, 2, 5, &content).to_vec();
        assert_eq!(kinds(&forged, None), [("moved", Some(4))]);
        let mut deleted = whole.clone();
        deleted[2].said = None;
        assert_eq!(kinds(&deleted, None), [("deleted", Some(4))]);
        let mut without = whole.clone();
        without.remove(2);
        assert_eq!(kinds(&without, None), [("deleted", None)]);
        let mut swapped = whole.clone();
        let (one, other) = (swapped[1].clone(), swapped[2].clone());
        swapped[1] = Link { no: 2, ..other };
        swapped[2] = Link { no: 3, ..one };
        assert!(kinds(&swapped, None).iter().all(|(kind, _)| *kind == "moved"));
        assert!(!kinds(&swapped, None).is_empty());
    }

    // case: S-11
    #[test]
    fn an_end_that_was_noted_tells_of_a_chain_that_was_made_anew() {
        let (whole, anew) = (chain(&[1, 2, 3]), chain(&[1, 3]));
        let noted = Head { no: 2, hash: hex(&whole[1].hash) };
        assert_eq!(kinds(&whole, Some(&noted)), []);
        assert_eq!(kinds(&anew, None), [], "it is whole in itself");
        assert_eq!(kinds(&anew, Some(&noted)), [("cut", None)]);
        assert_eq!(kinds(&whole[..1], Some(&noted)), [("cut", None)]);
    }

    // case: S-11-forget
    #[test]
    fn what_is_left_of_a_chain_follows_from_what_was_forgotten() {
        let whole = chain(&[1, 2, 3, 4]);
        let anchor = |link: &Link| Anchor {
            no: link.no,
            hash: link.hash.clone(),
            at: domain::time::Timestamp::from_ms(0),
        };
        let at_two = anchor(&whole[1]);
        assert_eq!(kinds_from(Some(&at_two), &whole[2..], None), []);
        // More went than was said, or less.
        assert_eq!(kinds_from(Some(&at_two), &whole[3..], None), [("deleted", None)]);
        assert!(!kinds_from(Some(&anchor(&whole[0])), &whole[2..], None).is_empty());
        // Another beginning, made up.
        let made_up = Anchor { hash: vec![7; 32], ..at_two.clone() };
        assert_eq!(kinds_from(Some(&made_up), &whole[2..], None), [("moved", Some(3))]);
        let noted = |link: &Link| Head { no: link.no, hash: hex(&link.hash) };
        for met in &whole[1..] {
            assert_eq!(kinds_from(Some(&at_two), &whole[2..], Some(&noted(met))), []);
        }
        let before = noted(&whole[0]);
        let found = kinds_from(Some(&at_two), &whole[2..], Some(&before));
        assert_eq!(found, [("forgotten", None)]);
    }
}
