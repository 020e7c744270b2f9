//! Every cell of the capability table, at its limit and one beyond it: for each platform, kind of
//! account and profile. What the numbers are is said elsewhere; here each of them is enforced.

use super::{MB, file, judge};
use crate::port::Platform;
use domain::capability::{Capabilities, MediaRule, Profile};
use domain::content::{AssetFacts, MediaKind};
use domain::rejection::{Rejection, Rule};
use serde_json::{Value, json};

const KINDS: [MediaKind; 4] =
    [MediaKind::Image, MediaKind::Gif, MediaKind::Video, MediaKind::Document];
/// Other sides of a file, one of which fits the ratio.
const SIDES: [u32; 8] = [1_080, 720, 500, 1_920, 300, 100, 3_000, 6_000];

/// A table with the place it stands in, and the cells that were looked at.
struct Table {
    platform: &'static dyn Platform,
    kind: &'static str,
    profile: Profile,
    rules: &'static Capabilities,
    cells: usize,
}

impl Table {
    fn judge(&self, own: &Value, files: &[AssetFacts]) -> Vec<Rejection> {
        judge(self.profile, self.platform.name(), self.kind, own, files).1
    }

    fn passes(&mut self, what: &str, own: &Value, files: &[AssetFacts]) {
        let found = self.judge(own, files);
        let name = self.platform.name();
        assert!(found.is_empty(), "{name} {} {:?}, {what}: {found:#?}", self.kind, self.profile);
    }

    /// It is refused, and told with this rule, limit and actual value.
    fn refused(
        &mut self,
        what: &str,
        (own, files): (&Value, &[AssetFacts]),
        (rule, limit, actual): (Rule, Value, Value),
    ) {
        let found = self.judge(own, files);
        let is_it =
            |one: &&Rejection| (one.rule, &one.limit, &one.actual) == (rule, &limit, &actual);
        let one = found.iter().find(is_it);
        let name = self.platform.name();
        let Some(one) = one else {
            panic!(
                "{name} {} {:?}, {what}: {rule:?} {limit} {actual} of {found:#?}",
                self.kind, self.profile
            )
        };
        assert!(!one.resolution.is_empty() && !one.field.is_empty(), "{one:?}");
        self.cells += 1;
    }

    /// A file of this kind that breaks no rule.
    fn good(&self, kind: MediaKind) -> AssetFacts {
        let rule = self.rules.rule(kind);
        let family = match kind {
            MediaKind::Image => "image/jpeg",
            MediaKind::Gif => "image/gif",
            MediaKind::Video => "video/mp4",
            MediaKind::Document => "application/pdf",
        };
        let mime = rule.mimes.iter().find(|mime| !mime.ends_with('*')).unwrap_or(&family);
        let duration_ms = (kind == MediaKind::Video).then_some(10_000);
        let facts = file(kind, mime);
        let size_bytes = facts.size_bytes.max(rule.size_bytes_min);
        AssetFacts { duration_ms, size_bytes, ..facts }
    }

    /// As many files as the platform wants of any post.
    fn least(&self) -> Vec<AssetFacts> {
        let taken = KINDS.into_iter().find(|kind| self.rules.rule(*kind).count_max > 0);
        let taken = taken.map(|kind| self.good(kind));
        taken.into_iter().cycle().take(self.rules.media_min).collect()
    }

    fn text(&mut self) {
        let (most, files) = (self.rules.text.length_max, self.least());
        let long = |length: usize| json!({"text": "a".repeat(length)});
        self.passes("the longest text", &long(most), &files);
        self.refused("text", (&long(most + 1), &files), told(Rule::TooMuch, most, most + 1));
        if self.rules.text.is_required_without_media && self.rules.media_min == 0 {
            self.refused("no text", (&long(0), &[]), told(Rule::Required, 1, 0));
        }
    }

    fn counts(&mut self) {
        for kind in KINDS {
            let most = self.rules.rule(kind).count_max;
            let files = |count: usize| vec![self.good(kind); count];
            if most == 0 {
                let one = files(1);
                self.refused("a file", (&json!({}), &one), told(Rule::NotSupported, 0, 1));
                continue;
            }
            let (at, beyond) = (files(most), files(most + 1));
            self.passes("the most files", &json!({}), &at);
            self.refused("files", (&json!({}), &beyond), told(Rule::TooMuch, most, most + 1));
        }
        let least = self.rules.media_min;
        if least > 0 {
            self.refused("no files", (&json!({}), &[]), told(Rule::Required, least, 0));
        }
    }

    fn files(&mut self) {
        for kind in KINDS {
            let rule = *self.rules.rule(kind);
            if rule.count_max == 0 {
                continue;
            }
            let good = self.good(kind);
            for mime in rule.mimes.iter().filter(|mime| !mime.ends_with('*')) {
                self.passes(
                    mime,
                    &json!({}),
                    &[AssetFacts { mime: (*mime).into(), ..good.clone() }],
                );
            }
            let foreign = AssetFacts { mime: "application/x-other".into(), ..good.clone() };
            let limit = json!(rule.mimes);
            let refusal = (Rule::OutOfRange, limit, json!("application/x-other"));
            self.refused("a format", (&json!({}), &[foreign]), refusal);
            let sized = |size_bytes| AssetFacts { size_bytes, ..good.clone() };
            self.most("bytes", rule.size_bytes_max, sized);
            if let Some(below) = rule.size_bytes_min.checked_sub(1) {
                self.passes("the smallest", &json!({}), &[sized(rule.size_bytes_min)]);
                let refusal = told(Rule::OutOfRange, rule.size_bytes_min, below);
                self.refused("smaller", (&json!({}), &[sized(below)]), refusal);
            }
            let lasting = |ms| AssetFacts { duration_ms: Some(ms), ..good.clone() };
            self.most("milliseconds", rule.duration_ms_max, lasting);
            if rule.duration_ms_min > 0 {
                let (least, below) = (rule.duration_ms_min, rule.duration_ms_min - 1);
                self.passes("shortest", &json!({}), &[lasting(least)]);
                let refusal = told(Rule::OutOfRange, least, below);
                self.refused("shorter", (&json!({}), &[lasting(below)]), refusal);
            }
            self.dimensions(&rule, &good);
        }
    }

    /// A measure at its limit and one beyond, where it has one.
    fn most(&mut self, what: &str, limit: u64, facts: impl Fn(u64) -> AssetFacts) {
        if limit < u64::MAX {
            self.passes(what, &json!({}), &[facts(limit)]);
            let refusal = told(Rule::TooMuch, limit, limit + 1);
            self.refused(what, (&json!({}), &[facts(limit + 1)]), refusal);
        }
    }

    fn dimensions(&mut self, rule: &MediaRule, good: &AssetFacts) {
        let shaped = |width, height| AssetFacts { width, height, ..good.clone() };
        if rule.width_max < u32::MAX {
            let width = rule.width_max;
            let height = self.fitting(|height| shaped(width, height));
            self.most("width", width.into(), |width| shaped(side(width), height));
        }
        if rule.height_max < u32::MAX {
            let height = rule.height_max;
            let width = self.fitting(|width| shaped(width, height));
            self.most("height", height.into(), |height| shaped(width, side(height)));
        }
        if rule.pixels_max < u64::MAX {
            // No product of two sides has to meet the limit; the next row is beyond it.
            let width = rule.width_max.min(6_000);
            let height = side(rule.pixels_max / u64::from(width));
            self.passes("pixels", &json!({}), &[shaped(width, height)]);
            let actual = u64::from(width) * u64::from(height + 1);
            let refusal = told(Rule::TooMuch, rule.pixels_max, actual);
            self.refused("pixels", (&json!({}), &[shaped(width, height + 1)]), refusal);
        }
        // Hundredths of a side of 100 are its pixels; larger sides would be too wide for some.
        let wide = |percent: u64| shaped(side(percent), 100);
        self.most("the widest", rule.ratio_percent_max, wide);
        if let Some(below) = rule.ratio_percent_min.checked_sub(1) {
            self.passes("the tallest", &json!({}), &[wide(rule.ratio_percent_min)]);
            let refusal = told(Rule::OutOfRange, rule.ratio_percent_min, below);
            self.refused("taller", (&json!({}), &[wide(below)]), refusal);
        }
    }

    /// The other side that makes a good file.
    fn fitting(&self, shaped: impl Fn(u32) -> AssetFacts) -> u32 {
        let fits = |side: &u32| self.judge(&json!({}), &[shaped(*side)]).is_empty();
        SIDES.into_iter().find(fits).expect("one of the sides fits")
    }

    fn mixtures(&mut self) {
        let taken = KINDS.into_iter().filter(|kind| self.rules.rule(*kind).count_max > 0);
        let taken: Vec<MediaKind> = taken.collect();
        for (at, first) in taken.iter().enumerate() {
            for second in &taken[at + 1..] {
                let both = [self.good(*first), self.good(*second)];
                if self.rules.can_mix_media {
                    self.passes("a mixture", &json!({}), &both);
                } else {
                    let found = self.judge(&json!({}), &both);
                    assert!(found.iter().any(|one| one.rule == Rule::Conflict), "{found:#?}");
                }
                self.cells += 1;
            }
        }
    }

    fn formats(&mut self) {
        for format in self.rules.formats {
            let own = json!({(format.option): format.value});
            for kind in KINDS.into_iter().filter(|kind| self.rules.rule(*kind).count_max > 0) {
                let files = |count: usize| vec![self.good(kind); count];
                if !format.takes.contains(&kind) {
                    let found = self.judge(&own, &files(1));
                    assert!(found.iter().any(|one| one.rule == Rule::Conflict), "{found:#?}");
                    self.cells += 1;
                    continue;
                }
                let most = format.count_max.min(self.rules.rule(kind).count_max);
                let (at, beyond) = (files(most), files(most + 1));
                self.passes("a format's files", &own, &at);
                self.refused("a format", (&own, &beyond), told(Rule::TooMuch, most, most + 1));
            }
        }
    }

    fn words_and_parts(&mut self) {
        let most = self.rules.alt_text_max;
        let taken = KINDS.into_iter().find(|kind| self.rules.rule(*kind).count_max > 0);
        let good = taken.map(|kind| self.good(kind)).into_iter().collect::<Vec<_>>();
        if most > 0 {
            let described = |length: usize| json!({"media": [{"id": super::id(1), "altText": "a".repeat(length)}]});
            self.passes("the longest alt text", &described(most), &good);
            let refusal = told(Rule::TooMuch, most, most + 1);
            self.refused("alt text", (&described(most + 1), &good), refusal);
        }
        let (most, files) = (self.rules.segments_max, self.least());
        let chain = |parts: usize| json!({"thread": vec!["b"; parts - 1]});
        if most > 1 {
            self.passes("the longest chain", &chain(most), &files);
            let refusal = told(Rule::TooMuch, most, most + 1);
            self.refused("a chain", (&chain(most + 1), &files), refusal);
        } else {
            let found = self.judge(&chain(2), &files);
            assert!(found.iter().any(|one| one.rule == Rule::NotSupported), "{found:#?}");
            self.cells += 1;
        }
    }
}

fn told(rule: Rule, limit: impl Into<Value>, actual: impl Into<Value>) -> (Rule, Value, Value) {
    (rule, limit.into(), actual.into())
}

fn side(pixels: u64) -> u32 {
    u32::try_from(pixels).unwrap()
}

// case: C-cells
#[test]
fn every_cell_is_enforced_at_its_limit_and_one_beyond() {
    let mut cells = 0;
    for platform in crate::ALL.iter().copied() {
        for kind in platform.account_kinds().iter().copied() {
            for profile in [Profile::Spec, Profile::Extended] {
                let rules = platform.capabilities(profile, kind);
                let mut table = Table { platform, kind, profile, rules, cells: 0 };
                table.text();
                table.counts();
                table.files();
                table.mixtures();
                table.formats();
                table.words_and_parts();
                cells += table.cells;
            }
        }
    }
    assert!(cells > 200, "{cells} cells");
}

#[test]
fn a_large_file_is_measured_in_whole_bytes() {
    // A limit that is rounded somewhere would let one of these pass.
    let found = |size_bytes| {
        let files = [AssetFacts { size_bytes, ..file(MediaKind::Image, "image/jpeg") }];
        judge(Profile::Spec, "x", "standard", &json!({}), &files).1.len()
    };
    assert_eq!((found(5 * MB), found(5 * MB + 1)), (0, 1));
}
