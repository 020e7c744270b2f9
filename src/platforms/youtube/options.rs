//! What a post may say to YouTube alone: title, description, tags, who sees the video; in the wider
//! profile also when YouTube shows it, and in which playlists.

mod extended;

use super::capabilities::DESCRIPTION;
use crate::options::{content as assemble, first_segment, reader, refuse_chain, refuse_poll};
use domain::capability::Profile;
use domain::content::Content;
use domain::id::AssetId;
use domain::rejection::{Rejection, Rule};
use domain::request::{Draft, Fields};
use domain::text;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) const NAME: &str = "youtube";
/// YouTube takes the same from every channel.
pub(super) const ACCOUNT_KIND: &str = "standard";

/// docs/videos: `snippet.title`, `snippet.tags[]`. The unit of both is "characters"; UTF-16 units
/// are the safe bound.
const TITLE_MAX: usize = 100;
const TAGS_MAX: usize = 500;
/// "People & Blogs", which most clients choose where nothing was said.
const CATEGORY_DEFAULT: &str = "22";
const CATEGORY_DIGITS_MAX: usize = 3;

const PRIVACY_STATUSES: [(&str, PrivacyStatus); 3] = [
    ("public", PrivacyStatus::Public),
    ("unlisted", PrivacyStatus::Unlisted),
    ("private", PrivacyStatus::Private),
];

/// The typed options, as they stand in [`Content::options`]. The description is the text of the
/// segment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// The title.
    pub title: String,
    /// The tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Who sees the video; always sent, because the platform's default has changed before.
    pub privacy_status: PrivacyStatus,
    /// The video is made for children (`selfDeclaredMadeForKids`).
    pub made_for_kids: bool,
    /// The category.
    pub category_id: String,
    /// The thumbnail, a file of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub thumbnail_media_id: Option<AssetId>,
    /// When YouTube makes a private video public, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub publish_at: Option<String>,
    /// The playlists that it is put into.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub playlist_ids: Vec<String>,
}

/// Who sees a video (docs/videos, `status.privacyStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PrivacyStatus {
    /// Anyone.
    #[default]
    Public,
    /// Anyone with the link.
    Unlisted,
    /// The channel alone.
    Private,
}

impl PrivacyStatus {
    /// The platform's own word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Private => "private",
        }
    }
}

impl Options {
    /// The options of a content that [`content`] made. Those of anything else have no title, and
    /// without one YouTube takes no video.
    pub fn read(content: &Content) -> Self {
        serde_json::from_value(Value::Object(content.options.clone())).unwrap_or_default()
    }
}

/// What a post may say here alone, as the API's document has it.
pub(super) fn written() -> Value {
    json!({
        "title": {"type": "string", "minLength": 1, "maxLength": TITLE_MAX,
            "description": "Required of every video."},
        "description": {"type": "string", "description": "Takes the place of the text."},
        "tags": {"type": "array", "items": {"type": "string"}},
        "privacyStatus": {"enum": PRIVACY_STATUSES.map(|(word, _)| word),
            "description": "Who sees the video; `public` without it."},
        "madeForKids": {"type": "boolean"},
        "categoryId": {"type": "string", "pattern": "^[0-9]{1,3}$",
            "description": "`22` without it: people and blogs."},
        "thumbnailMediaId": {"type": "string", "description": "The thumbnail, a file of its own."},
        "publishAt": {"type": "string", "format": "date-time",
            "description": "When a private video becomes public."},
        "playlistIds": {"type": "array", "items": {"type": "string"},
            "description": "The playlists that it is put into."},
    })
}

/// The post as YouTube will carry it.
pub fn content(profile: Profile, draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
    let mut fields = reader(NAME, draft);
    let mut segment = first_segment(NAME, draft);
    let title = read_title(&mut fields);
    let told = fields.text("description");
    refuse_angles(
        &mut fields,
        if told.is_some() { "description" } else { "text" },
        told.unwrap_or(&segment.text),
    );
    if let Some(description) = told {
        // One that is refused here, under its own name, is not measured again as the text.
        let is_taken = bound(&mut fields, "description", DESCRIPTION.length_max, description.len());
        segment.text = description.to_owned();
        if !is_taken {
            segment.text.clear();
        }
    }
    let privacy_status = fields.choice("privacyStatus", &PRIVACY_STATUSES).unwrap_or_default();
    let (publish_at, playlist_ids) = match profile {
        Profile::Extended => (
            extended::read_publish_at(&mut fields, privacy_status, draft.scheduled_at),
            extended::read_playlists(&mut fields),
        ),
        Profile::Spec => extended::refuse(&mut fields),
    };
    let options = Options {
        title,
        tags: read_tags(&mut fields),
        privacy_status,
        made_for_kids: fields.flag("madeForKids").unwrap_or_default(),
        category_id: read_category(&mut fields),
        thumbnail_media_id: fields.id("thumbnailMediaId"),
        publish_at,
        playlist_ids,
    };
    refuse_chain(&mut fields);
    refuse_poll(&mut fields);
    problems.extend(fields.finish());
    assemble(vec![segment], &options)
}

fn read_title(fields: &mut Fields<'_>) -> String {
    let title = fields.required_text("title", "Give the video a title of up to 100 characters.");
    let title = title.unwrap_or_default();
    let length = text::count(domain::capability::Counting::Utf16, title);
    bound(fields, "title", TITLE_MAX, length);
    refuse_angles(fields, "title", title);
    title.to_owned()
}

fn read_tags(fields: &mut Fields<'_>) -> Vec<String> {
    let tags = fields.texts("tags").unwrap_or_default();
    bound(fields, "tags", TAGS_MAX, tags_length(&tags));
    for (index, tag) in tags.iter().enumerate() {
        let name = format!("tags[{index}]");
        refuse_angles(fields, &name, tag);
        if tag.trim().is_empty() {
            let field = fields.path(&name);
            let message = format!("`{field}` is empty; a tag holds some characters.");
            let rejection = fields.broken(Rule::Required, field, message);
            fields.reject(rejection.bounds(1, 0).resolve("Leave the empty tag out."));
        }
    }
    tags.into_iter().map(str::to_owned).collect()
}

/// The commas between the tags count, and the quotation marks around a tag with a blank.
fn tags_length(tags: &[&str]) -> usize {
    let length = |tag: &&str| {
        let quotes = if tag.contains(' ') { 2 } else { 0 };
        text::count(domain::capability::Counting::Utf16, tag) + quotes
    };
    tags.iter().map(length).sum::<usize>() + tags.len().saturating_sub(1)
}

fn read_category(fields: &mut Fields<'_>) -> String {
    let Some(id) = fields.text("categoryId") else { return CATEGORY_DEFAULT.to_owned() };
    let is_number = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    if !is_number || id.len() > CATEGORY_DIGITS_MAX {
        let field = fields.path("categoryId");
        let message = format!("`{field}` is the number of a category, as \"22\".");
        let rejection = fields.broken(Rule::OutOfRange, field, message);
        let bounded = rejection.bounds("one to three digits", id);
        fields.reject(bounded.resolve("Use an id of the platform's list of categories."));
    }
    id.to_owned()
}

/// Refuses a field that is too long; `true` when it is not.
fn bound(fields: &mut Fields<'_>, name: &str, limit: usize, actual: usize) -> bool {
    if actual > limit {
        let field = fields.path(name);
        let unit = if name == "description" { "bytes in UTF-8" } else { "characters" };
        let message = format!("`{field}` has at most {limit} {unit}; this one has {actual}.");
        let rejection = fields.broken(Rule::TooMuch, field, message);
        let resolution = format!("Shorten it by {}.", actual - limit);
        fields.reject(rejection.bounds(limit, actual).resolve(resolution));
    }
    actual <= limit
}

/// YouTube takes no angle brackets in what it shows.
fn refuse_angles(fields: &mut Fields<'_>, name: &str, text: &str) {
    if let Some(found) = text.chars().find(|c| matches!(c, '<' | '>')) {
        let field = fields.path(name);
        let message = format!("`{field}` holds `{found}`; {NAME} takes neither `<` nor `>`.");
        let rejection = fields.broken(Rule::OutOfRange, field, message);
        let bounded = rejection.bounds("any character but < and >", found.to_string());
        fields.reject(bounded.resolve(format!("Take `{found}` out.")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_quotation_marks_count_in_tags() {
        assert_eq!(tags_length(&[]), 0);
        assert_eq!(tags_length(&["ab", "c d"]), 2 + 1 + 5);
    }
}
