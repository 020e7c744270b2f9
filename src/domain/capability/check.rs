//! A post against the table: every violation, in the order of the post.

use super::{Capabilities, Format, MediaRule};
use crate::content::{AssetFacts, Content, MediaKind, MediaUse, Segment};
use crate::id::AssetId;
use crate::rejection::{Rejection, Rule};
use crate::text;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Every kind of file, in the order in which they are told.
const KINDS: [MediaKind; 4] =
    [MediaKind::Image, MediaKind::Gif, MediaKind::Video, MediaKind::Document];
/// How the options that name a file of their own end, as `coverMediaId`.
const ASSET_OPTION_SUFFIX: &str = "MediaId";

/// Every violation of `capabilities` by `content`, in the order of the post.
pub fn check(
    platform: &'static str,
    capabilities: &Capabilities,
    content: &Content,
    assets: &BTreeMap<AssetId, AssetFacts>,
) -> Vec<Rejection> {
    let mut checker = Checker { platform, capabilities, assets, found: Vec::new() };
    for (index, segment) in content.segments.iter().enumerate() {
        let place = match index {
            0 => platform.to_owned(),
            _ => format!("{platform}.thread[{}]", index - 1),
        };
        checker.text(&place, segment);
        checker.media(&place, segment, &content.options);
    }
    checker.media_min(content);
    checker.chain(content);
    checker.covers(content);
    checker.found
}

/// Everything that keeps one file from standing alone in a post.
pub fn objections(
    platform: &'static str,
    capabilities: &Capabilities,
    facts: &AssetFacts,
) -> Vec<Rejection> {
    let assets = BTreeMap::from([(facts.id, facts.clone())]);
    let mut checker = Checker { platform, capabilities, assets: &assets, found: Vec::new() };
    let media = vec![MediaUse { id: facts.id, alt_text: None }];
    let segment = Segment { text: String::new(), media };
    checker.media(platform, &segment, &serde_json::Map::new());
    checker.found
}

/// Every file that `content` names: in its segments, then in its options. The map given to
/// [`check`] has to hold those of them that exist.
pub fn assets_named(content: &Content) -> Vec<AssetId> {
    let used = content.media().map(|media| media.id);
    used.chain(covers(content).map(|(_, id)| id)).collect()
}

/// The options that name a file, with the file.
fn covers(content: &Content) -> impl Iterator<Item = (&str, AssetId)> {
    content.options.iter().filter_map(|(name, value)| {
        let id = value.as_str().filter(|_| name.ends_with(ASSET_OPTION_SUFFIX))?;
        Some((name.as_str(), id.parse().ok()?))
    })
}

struct Checker<'a> {
    platform: &'static str,
    capabilities: &'a Capabilities,
    assets: &'a BTreeMap<AssetId, AssetFacts>,
    found: Vec<Rejection>,
}

impl Checker<'_> {
    fn content(&self, rule: Rule, field: String, message: String) -> Rejection {
        Rejection::content(self.platform, rule, field, message)
    }

    fn file(&self, rule: Rule, field: String, message: String) -> Rejection {
        Rejection::media(self.platform, rule, field, message)
    }

    fn text(&mut self, place: &str, segment: &Segment) {
        let (platform, rule) = (self.platform, self.capabilities.text);
        let field = format!("{place}.text");
        if rule.is_required_without_media
            && segment.media.is_empty()
            && segment.text.trim().is_empty()
        {
            let message =
                format!("A post on {platform} without media needs a text; this is empty.");
            let rejection = self.content(Rule::Required, field.clone(), message);
            self.found.push(
                rejection.bounds(1, 0).resolve("Write a text, or attach media that it takes."),
            );
        }
        let length = text::count(rule.counting, &segment.text);
        if length > rule.length_max {
            let message = format!(
                "A text on {platform} has at most {} {}; this one has {length}.",
                rule.length_max,
                unit(rule.counting)
            );
            let resolution = format!("Shorten the text by {}.", length - rule.length_max);
            let rejection = self.content(Rule::TooMuch, field, message);
            self.found.push(rejection.bounds(rule.length_max, length).resolve(resolution));
        }
    }

    fn media(&mut self, place: &str, segment: &Segment, options: &serde_json::Map<String, Value>) {
        let mut kinds: Vec<(usize, MediaKind)> = Vec::new();
        for (index, media) in segment.media.iter().enumerate() {
            let field = format!("{place}.media[{index}]");
            self.alt_text(&field, media);
            let Some(facts) = self.assets.get(&media.id) else {
                self.missing(format!("{field}.id"), media.id);
                continue;
            };
            kinds.push((index, facts.kind));
            let rule = *self.capabilities.rule(facts.kind);
            if rule.count_max > 0 {
                self.one_file(&field, facts, &rule);
            }
        }
        for kind in KINDS {
            self.count_of(place, kind, &kinds);
        }
        self.mixture(place, &kinds);
        let chosen = |format: &&Format| {
            options.get(format.option).and_then(Value::as_str) == Some(format.value)
        };
        if let Some(format) = self.capabilities.formats.iter().find(chosen) {
            self.format(place, format, &kinds);
        }
    }

    fn alt_text(&mut self, field: &str, media: &MediaUse) {
        let limit = self.capabilities.alt_text_max;
        let length = media.alt_text.as_deref().map_or(0, |words| words.chars().count());
        if limit > 0 && length > limit {
            let message = format!(
                "An alt text on {} has at most {limit} characters; this one has {length}.",
                self.platform
            );
            let rejection = self.file(Rule::TooMuch, format!("{field}.altText"), message);
            self.found.push(
                rejection
                    .bounds(limit, length)
                    .resolve(format!("Shorten the alt text by {}.", length - limit)),
            );
        }
    }

    fn missing(&mut self, field: String, id: AssetId) {
        let message = format!("There is no media file {id}; it was never uploaded or is gone.");
        let rejection = self.file(Rule::NotFound, field, message);
        self.found.push(
            rejection
                .bounds(Value::Null, id.to_string())
                .resolve("Upload the file and use the id in the answer."),
        );
    }

    fn one_file(&mut self, field: &str, facts: &AssetFacts, rule: &MediaRule) {
        let (platform, noun) = (self.platform, noun(facts.kind));
        if !rule.mimes.iter().any(|taken| is_mime(taken, &facts.mime)) {
            let message = format!(
                "{platform} takes {noun} as {}; this one is {}.",
                rule.mimes.join(", "),
                facts.mime
            );
            let rejection = self.file(Rule::OutOfRange, field.to_owned(), message);
            self.found.push(
                rejection
                    .bounds(json!(rule.mimes), facts.mime.as_str())
                    .resolve("Upload the file in one of the formats of the limit."),
            );
        }
        let ratio = u64::from(facts.width) * 100 / u64::from(facts.height.max(1));
        let pixels = u64::from(facts.width) * u64::from(facts.height);
        let duration = facts.duration_ms;
        let most = [
            ("bytes", rule.size_bytes_max, Some(facts.size_bytes)),
            ("pixels of width", across(rule.width_max), Some(u64::from(facts.width))),
            ("pixels of height", across(rule.height_max), Some(u64::from(facts.height))),
            ("pixels in all", rule.pixels_max, Some(pixels)),
            ("hundredths of width per height", rule.ratio_percent_max, Some(ratio)),
            ("milliseconds", rule.duration_ms_max, duration),
        ];
        for (unit, limit, actual) in most {
            if let Some(actual) = actual.filter(|actual| *actual > limit) {
                self.measure(field, Rule::TooMuch, ("at most", limit, unit), (noun, actual));
            }
        }
        let least = [
            ("bytes", rule.size_bytes_min, Some(facts.size_bytes)),
            ("hundredths of width per height", rule.ratio_percent_min, Some(ratio)),
            ("milliseconds", rule.duration_ms_min, duration),
        ];
        for (unit, limit, actual) in least {
            if let Some(actual) = actual.filter(|actual| *actual < limit) {
                self.measure(field, Rule::OutOfRange, ("at least", limit, unit), (noun, actual));
            }
        }
    }

    fn measure(
        &mut self,
        field: &str,
        rule: Rule,
        (bound, limit, unit): (&str, u64, &str),
        (noun, actual): (&str, u64),
    ) {
        let message = format!(
            "On {} {noun} have {bound} {limit} {unit}; this file has {actual}.",
            self.platform
        );
        let rejection = self.file(rule, field.to_owned(), message);
        self.found.push(
            rejection
                .bounds(limit, actual)
                .resolve(format!("Upload a file of {bound} {limit} {unit}.")),
        );
    }

    fn count_of(&mut self, place: &str, kind: MediaKind, kinds: &[(usize, MediaKind)]) {
        let of_kind = || kinds.iter().filter(|(_, found)| *found == kind);
        let (limit, actual) = (self.capabilities.rule(kind).count_max, of_kind().count());
        let (platform, noun) = (self.platform, noun(kind));
        if let Some((index, _)) = of_kind().next().filter(|_| limit == 0) {
            let message = format!("{platform} takes no {noun}; this post has {actual}.");
            let field = format!("{place}.media[{index}]");
            let rejection = self.file(Rule::NotSupported, field, message);
            let resolution = format!("Give {platform} other media in `{platform}.media`.");
            self.found.push(rejection.bounds(0, actual).resolve(resolution));
        } else if actual > limit {
            let message = format!(
                "{platform} takes at most {limit} {noun} in one post; this one has {actual}."
            );
            let rejection = self.file(Rule::TooMuch, format!("{place}.media"), message);
            let resolution = format!("Leave out {} of the {noun}.", actual - limit);
            self.found.push(rejection.bounds(limit, actual).resolve(resolution));
        }
    }

    fn mixture(&mut self, place: &str, kinds: &[(usize, MediaKind)]) {
        let (platform, table) = (self.platform, self.capabilities);
        let distinct: BTreeSet<&str> = kinds.iter().map(|(_, kind)| noun(*kind)).collect();
        if distinct.len() < 2 {
            return;
        }
        let field = format!("{place}.media");
        let counts = KINDS.map(|kind| table.rule(kind).count_max);
        let together = counts.into_iter().max().unwrap_or_default();
        if !table.can_mix_media {
            let message = format!("{platform} takes one kind of media in a post; this one mixes.");
            let rejection = self.file(Rule::Conflict, field, message);
            self.found.push(
                rejection
                    .bounds(1, json!(distinct))
                    .resolve("Keep one kind of media, or make two posts."),
            );
        } else if kinds.len() > together {
            let message = format!(
                "{platform} takes at most {together} files in one post; this one has {}.",
                kinds.len()
            );
            let rejection = self.file(Rule::TooMuch, field, message);
            let resolution = format!("Leave out {} of the files.", kinds.len() - together);
            self.found.push(rejection.bounds(together, kinds.len()).resolve(resolution));
        }
    }

    fn format(&mut self, place: &str, format: &Format, kinds: &[(usize, MediaKind)]) {
        let Format { option, value, takes, count_max } = *format;
        let platform = self.platform;
        let taken: Vec<&str> = takes.iter().map(|kind| noun(*kind)).collect();
        for (index, kind) in kinds.iter().filter(|(_, kind)| !takes.contains(kind)) {
            let message = format!(
                "With `{platform}.{option}` = `{value}` the media are {}; this file is not.",
                taken.join(" or ")
            );
            let rejection = self.file(Rule::Conflict, format!("{place}.media[{index}]"), message);
            let resolution = format!("Exchange the file, or change `{platform}.{option}`.");
            self.found.push(rejection.bounds(json!(taken), noun(*kind)).resolve(resolution));
        }
        let actual = kinds.iter().filter(|(_, kind)| takes.contains(kind)).count();
        let is_told = takes.iter().any(|kind| {
            let of_kind = kinds.iter().filter(|(_, found)| found == kind).count();
            of_kind > self.capabilities.rule(*kind).count_max
        });
        if actual > count_max && !is_told {
            let message = format!(
                "With `{platform}.{option}` = `{value}` a post has at most {count_max} files; \
                 this one has {actual}."
            );
            let rejection = self.file(Rule::TooMuch, format!("{place}.media"), message);
            let resolution = format!("Leave out {} of the files.", actual - count_max);
            self.found.push(rejection.bounds(count_max, actual).resolve(resolution));
        }
    }

    fn media_min(&mut self, content: &Content) {
        let (platform, limit) = (self.platform, self.capabilities.media_min);
        let actual = content.segments.first().map_or(0, |segment| segment.media.len());
        if actual < limit {
            let message = format!(
                "A post on {platform} needs at least {limit} media file; this one has {actual}."
            );
            let rejection = self.file(Rule::Required, format!("{platform}.media"), message);
            let resolution = format!("Attach media in `media` or in `{platform}.media`.");
            self.found.push(rejection.bounds(limit, actual).resolve(resolution));
        }
    }

    fn chain(&mut self, content: &Content) {
        let (platform, limit) = (self.platform, self.capabilities.segments_max);
        let actual = content.segments.len();
        if actual > limit {
            let rule = if limit == 1 { Rule::NotSupported } else { Rule::TooMuch };
            let message = format!(
                "A chain on {platform} has at most {limit} posts, the first included; this one \
                 has {actual}."
            );
            let rejection = self.content(rule, format!("{platform}.thread"), message);
            let resolution = format!("Leave out {} of them.", actual - limit);
            self.found.push(rejection.bounds(limit, actual).resolve(resolution));
        }
    }

    /// A cover meets the image rule; how many images a segment takes does not concern it.
    fn covers(&mut self, content: &Content) {
        for (name, id) in covers(content) {
            let field = format!("{}.{name}", self.platform);
            let Some(facts) = self.assets.get(&id) else {
                self.missing(field, id);
                continue;
            };
            if facts.kind == MediaKind::Image {
                let image = self.capabilities.image;
                let rule = MediaRule {
                    mimes: image.mimes,
                    size_bytes_max: image.size_bytes_max,
                    ..MediaRule::NONE
                };
                self.one_file(&field, facts, &rule);
            } else {
                let actual = noun(facts.kind);
                let message = format!("`{field}` names an image; this file is one of {actual}.");
                let rejection = self.file(Rule::OutOfRange, field, message);
                self.found
                    .push(rejection.bounds("images", actual).resolve("Name an image instead."));
            }
        }
    }
}

/// `u32::MAX` means no limit, which as a `u64` has to stay beyond every width.
fn across(limit: u32) -> u64 {
    if limit == u32::MAX { u64::MAX } else { u64::from(limit) }
}

fn is_mime(taken: &str, mime: &str) -> bool {
    match taken.strip_suffix('*') {
        Some(family) => mime.starts_with(family),
        None => taken == mime,
    }
}

const fn noun(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "images",
        MediaKind::Gif => "GIFs",
        MediaKind::Video => "videos",
        MediaKind::Document => "documents",
    }
}

const fn unit(counting: super::Counting) -> &'static str {
    match counting {
        super::Counting::Weighted => "weighted characters (a link counts 23, an emoji 2)",
        super::Counting::Utf16 => "characters (UTF-16 units)",
        super::Counting::EmojiBytes => "characters (an emoji counts its UTF-8 bytes)",
        super::Counting::Bytes => "bytes in UTF-8",
    }
}
