//! Options beyond the product's table: YouTube's own timer, and playlists.

use super::PrivacyStatus;
use domain::rejection::Rule;
use domain::request::Fields;
use domain::time::Timestamp;
use serde_json::json;

/// Playlists of one video. Ours: each costs 51 of a project's 10,000 units of a day.
const PLAYLISTS_MAX: usize = 10;
/// Ids have 34 characters today (assumed: no figure is given); more than this is no id.
const PLAYLIST_CHARS_MAX: usize = 64;

/// Refuses by name what the narrower profile does not have.
pub(super) fn refuse(fields: &mut Fields<'_>) -> (Option<String>, Vec<String>) {
    let resolution = "Leave it out, or ask the operator for the profile `extended`.";
    let told = "The platform's own timer is part of the profile `extended` alone.";
    fields.refuse("publishAt", told, resolution);
    let told = "Playlists are part of the profile `extended` alone.";
    fields.refuse("playlistIds", told, resolution);
    (None, Vec::new())
}

/// docs/videos, `status.publishAt`: only with a private video that was never public. It lies
/// behind the upload, so behind the time of the post.
pub(super) fn read_publish_at(
    fields: &mut Fields<'_>,
    privacy_status: PrivacyStatus,
    due_at: Option<Timestamp>,
) -> Option<String> {
    let words = fields.text("publishAt")?;
    let field = fields.path("publishAt");
    let Some(at) = Timestamp::parse(words) else {
        let message = format!("`{field}` is an instant in RFC 3339, as 2026-12-01T09:00:00Z.");
        let rejection = fields.broken(Rule::OutOfRange, field, message);
        let bounded = rejection.bounds("an instant in RFC 3339", words);
        fields.reject(bounded.resolve("Write date, time and zone."));
        return None;
    };
    if privacy_status != PrivacyStatus::Private {
        let message = format!("`{field}` needs a private video, which it makes public later.");
        let rejection = fields.broken(Rule::Conflict, field.clone(), message);
        let bounded = rejection.bounds("private", privacy_status.as_str());
        fields.reject(bounded.resolve("Say `\"privacyStatus\": \"private\"` beside it."));
    }
    if let Some(due_at) = due_at.filter(|due_at| at <= *due_at) {
        let message = format!("`{field}` lies behind the post's own time, which is {due_at}.");
        let rejection = fields.broken(Rule::OutOfRange, field, message);
        let bounded = rejection.bounds(json!({ "after": due_at }), at.to_string());
        fields.reject(bounded.resolve("Name a later instant, or post the video earlier."));
    }
    Some(at.to_string())
}

/// The playlists, in order, each once.
pub(super) fn read_playlists(fields: &mut Fields<'_>) -> Vec<String> {
    let ids = fields.texts("playlistIds").unwrap_or_default();
    if ids.len() > PLAYLISTS_MAX {
        fields.too_many("playlistIds", PLAYLISTS_MAX, ids.len());
    }
    for (index, id) in ids.iter().enumerate() {
        let is_of_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_id = !id.is_empty() && id.len() <= PLAYLIST_CHARS_MAX && id.chars().all(is_of_id);
        let field = fields.path(format_args!("playlistIds[{index}]"));
        if !is_id {
            let message = format!("`{field}` is the id of a playlist, as in its address.");
            let rejection = fields.broken(Rule::OutOfRange, field, message);
            let bounded = rejection.bounds("letters, digits, - and _", *id);
            fields.reject(bounded.resolve("Use what follows `list=` in the playlist's address."));
        } else if ids[..index].contains(id) {
            let message = format!("`{field}` names a playlist that is in the list already.");
            let rejection = fields.broken(Rule::Conflict, field, message);
            fields.reject(rejection.bounds(1, 2).resolve("Name each playlist once."));
        }
    }
    ids.into_iter().map(str::to_owned).collect()
}
