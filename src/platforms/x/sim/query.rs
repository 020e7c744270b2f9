//! What a path and a query may hold, by X's official document.
//!
//! A name that the document lists is taken, whether or not it is told of here: X leaves out what
//! there is nothing to say about.

use super::wire::Id;
use super::{Refusal, Route};
use crate::sim::Inbound;
use crate::sim::http::field;
use url::form_urlencoded;

/// OpenAPI 2.167, `post.fields`, and 2.159, `tweet.fields`.
const OF_POSTS: [&str; 36] = [
    "article",
    "article_title",
    "attachments",
    "author_id",
    "card_uri",
    "community_id",
    "context_annotations",
    "conversation_id",
    "created_at",
    "display_text_range",
    "edit_controls",
    "edit_history_tweet_ids",
    "entities",
    "geo",
    "id",
    "in_reply_to_user_id",
    "lang",
    "matched_media_notes",
    "media_metadata",
    "non_public_metrics",
    "note_post",
    "note_request_suggestions",
    "note_tweet",
    "organic_metrics",
    "paid_partnership",
    "possibly_sensitive",
    "promoted_metrics",
    "public_metrics",
    "referenced_tweets",
    "reply_settings",
    "scopes",
    "source",
    "suggested_source_links",
    "suggested_source_links_with_counts",
    "text",
    "withheld",
];

/// OpenAPI 2.167 and 2.159, `user.fields`.
const OF_USERS: [&str; 27] = [
    "affiliation",
    "confirmed_email",
    "connection_status",
    "created_at",
    "description",
    "entities",
    "id",
    "is_identity_verified",
    "location",
    "most_recent_tweet_id",
    "name",
    "parody",
    "pinned_tweet_id",
    "profile_banner_url",
    "profile_image_url",
    "protected",
    "public_metrics",
    "receives_your_dm",
    "subscribes_to_you",
    "subscription",
    "subscription_type",
    "url",
    "username",
    "verified",
    "verified_followers_count",
    "verified_type",
    "withheld",
];

impl Route<'_> {
    /// The names of the query that the document knows; `tweet.fields` is that of OpenAPI 2.159,
    /// where 2.167 says `post.fields`, and X takes both (x.md section 9).
    fn query(self) -> &'static [&'static str] {
        match self {
            Self::Me => &["user.fields", "expansions", "tweet.fields", "post.fields"],
            Self::LookUp => &["ids"],
            Self::One(_) => &[],
            Self::Timeline(_) => &[
                "max_results",
                "pagination_token",
                "start_time",
                "end_time",
                "since_id",
                "until_id",
                "exclude",
            ],
            Self::Status => &["command", "media_id"],
            _ => &[],
        }
    }

    /// The names of the query that say what is to be told of posts.
    fn shown(self) -> &'static [&'static str] {
        match self {
            Self::LookUp | Self::One(_) | Self::Timeline(_) => &[
                "tweet.fields",
                "post.fields",
                "user.fields",
                "media.fields",
                "poll.fields",
                "place.fields",
                "expansions",
            ],
            _ => &[],
        }
    }

    /// Whether path and query are what the document says.
    pub(super) fn check(self, request: &Inbound) -> Result<(), Refusal> {
        let ids: &[&str] = match &self {
            Self::Delete(id)
            | Self::One(id)
            | Self::Repost(id)
            | Self::Timeline(id)
            | Self::Append(id)
            | Self::Finalize(id) => &[*id],
            Self::Undo(ids) => ids,
            _ => &[],
        };
        if let Some(id) = ids.iter().find(|id| !Id::is_one(id)) {
            let told = format!("The `id` path parameter value [{id}] is not 1 to 19 digits.");
            return Err(Refusal::invalid("id", &told));
        }
        let query = form_urlencoded::parse(request.query.as_bytes());
        let known = self.query();
        let is_known = |name: &str| known.contains(&name) || self.shown().contains(&name);
        match query.map(|(name, _)| name).find(|name| !is_known(name)) {
            Some(name) => {
                let told = format!("The query parameter [{name}] is not one of {known:?}.");
                Err(Refusal::invalid(&name, &told))
            }
            None => Ok(()),
        }
    }
}

/// What is to be told of posts.
pub(super) fn of_posts(request: &Inbound) -> Result<Vec<String>, Refusal> {
    let parameter = ["tweet.fields", "post.fields"];
    let named = parameter.into_iter().find(|name| field(&request.query, name).is_some());
    asked(request, named.unwrap_or(parameter[0]), &OF_POSTS)
}

/// What is to be told of a user.
pub(super) fn of_users(request: &Inbound) -> Result<Vec<String>, Refusal> {
    asked(request, "user.fields", &OF_USERS)
}

fn asked(request: &Inbound, parameter: &str, known: &[&str]) -> Result<Vec<String>, Refusal> {
    let named = field(&request.query, parameter).unwrap_or_default();
    let named: Vec<String> = named.split(',').filter(|n| !n.is_empty()).map(Into::into).collect();
    match named.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(named),
        Some(name) => {
            let told = format!("The `{parameter}` query parameter value [{name}] is unknown.");
            Err(Refusal::invalid(parameter, &told))
        }
    }
}
