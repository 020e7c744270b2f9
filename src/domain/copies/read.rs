//! Reads `republish`: the rhythm of the copies, and what they say.

use super::CopyOf;
use crate::content::MediaUse;
use crate::id::{AccountId, PostId};
use crate::lateness::Late;
use crate::repost::{self, Bounds, Rule};
use crate::request::{Draft, Fields, read_platform};
use crate::time::Timestamp;
use serde_json::{Map, Value};
use std::time::Duration;

/// The least time between a post and its copy, and between two copies. Ours: what is said again on
/// the same day is spam, by the rules of every platform.
pub const GAP_MIN: Duration = Duration::from_secs(86_400);
/// The longest of these times: what is wanted once a year can be said.
pub const GAP_MAX: Duration = Duration::from_secs(366 * 86_400);
/// Copies of one post, at most: one a week for a year.
pub const TIMES_MAX: u32 = 52;
/// Wordings beside that of the post.
pub const VARIATIONS_MAX: usize = 52;

const NAME: &str = "republish";
const BOUNDS: Bounds = Bounds {
    name: "A republish rule",
    one: "copy",
    shortest: (GAP_MIN, "P1D"),
    longest: (GAP_MAX, "P366D"),
    told: "1 day to 366 days",
    times_max: TIMES_MAX,
    times_unsaid: 1,
    can_undo: false,
};

/// How a post is published anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// When, and how often.
    pub rule: Rule,
    /// The wordings of the copies, in order.
    pub variations: Vec<Variation>,
}

/// What a copy says otherwise than its origin.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Variation {
    /// The wording for all platforms; no own wording of the origin stands beside it.
    pub text: Option<String>,
    /// The files for all platforms; no own files of the origin stand beside them.
    pub media: Option<Vec<MediaUse>>,
    /// What it says to platforms: their wording, files and options.
    own: Draft,
}

/// Reads the rule of a post, as it was written; what is wrong with it is noted in `fields`.
pub fn read<'a>(
    fields: &mut Fields<'a>,
    due_at: Option<Timestamp>,
    platforms: &[&'a str],
) -> Option<Map<String, Value>> {
    let mut rule = fields.object(NAME)?;
    read_series(&mut rule, due_at, platforms);
    fields.absorb(rule);
    fields.value(NAME)?.as_object().cloned()
}

/// How a post of this draft is published anew.
pub fn of(draft: &Draft, platforms: &[&str]) -> Option<Series> {
    let written = draft.republish.as_ref()?;
    let mut fields = Fields::new(Some(written), NAME, None);
    read_series(&mut fields, draft.scheduled_at, platforms)
}

fn read_series<'a>(
    fields: &mut Fields<'a>,
    due_at: Option<Timestamp>,
    platforms: &[&'a str],
) -> Option<Series> {
    let entries = fields.list_up_to("variations", VARIATIONS_MAX).unwrap_or_default();
    let mut variations = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let path = fields.path(format_args!("variations[{index}]"));
        let Some(object) = entry.as_object() else {
            fields.wrong_type(path, "an object with `text`, `media` or a platform's object", entry);
            continue;
        };
        let mut one = Fields::new(Some(object), path, None);
        variations.push(read_variation(&mut one, platforms));
        fields.absorb(one);
    }
    // As many copies as there are wordings, where nothing else is said.
    let bounds = match variations.len() {
        0 => BOUNDS,
        count => Bounds { times_unsaid: u32::try_from(count).unwrap_or(TIMES_MAX), ..BOUNDS },
    };
    let rule = repost::read(fields, due_at, &bounds)?;
    Some(Series { rule, variations })
}

fn read_variation<'a>(fields: &mut Fields<'a>, platforms: &[&'a str]) -> Variation {
    let text = fields.text("text").map(str::to_owned);
    let media = fields.media("media");
    let mut own = Draft::default();
    for platform in platforms {
        read_platform(fields, platform, &mut own);
    }
    Variation { text, media, own }
}

impl Series {
    /// The draft of a copy of `origin` for these accounts. Behind the last variation the wordings
    /// come again from the first on, for those platforms that take that.
    pub fn copy(
        &self,
        origin: &Draft,
        (post_id, number): (PostId, u32),
        targets: &[(AccountId, &str)],
    ) -> Draft {
        let mut draft = self.wording(origin, number);
        draft.copy_of = Some(CopyOf { post_id, number });
        draft.platforms.clear();
        draft.accounts = targets.iter().map(|(account, _)| *account).collect();
        let is_target = |name: &String| targets.iter().any(|(_, platform)| *platform == name);
        draft.texts.retain(|name, _| is_target(name));
        draft.medias.retain(|name, _| is_target(name));
        draft.options.retain(|name, _| is_target(name));
        // None goes out after the rule's end, whatever held it up.
        draft.not_after = self.rule.until;
        draft.late = if self.rule.until.is_some() { Late::Skip } else { Late::Publish };
        draft
    }

    /// What copy `number` says; 0 is the origin.
    pub fn wording(&self, origin: &Draft, number: u32) -> Draft {
        let place = usize::try_from(number).unwrap_or(usize::MAX) % (self.variations.len() + 1);
        wording(origin, place.checked_sub(1).and_then(|place| self.variations.get(place)))
    }
}

/// What a post says by a variation. It goes out once, by no rule of its own.
fn wording(origin: &Draft, variation: Option<&Variation>) -> Draft {
    let mut draft = Draft {
        scheduled_at: None,
        scheduled_local: None,
        schedule: None,
        not_after: None,
        republish: None,
        copy_of: None,
        ..origin.clone()
    };
    if let Some(Variation { text, media, own }) = variation {
        if let Some(text) = text {
            draft.text.clone_from(text);
            draft.texts.clear();
        }
        if let Some(media) = media {
            draft.media.clone_from(media);
            draft.medias.clear();
        }
        draft.texts.extend(own.texts.clone());
        draft.medias.extend(own.medias.clone());
        for (platform, options) in &own.options {
            let known = draft.options.entry(platform.clone()).or_default();
            known.extend(options.clone());
            known.retain(|_, value| !value.is_null());
        }
    }
    for options in draft.options.values_mut() {
        options.remove("autoRepost");
    }
    draft
}
