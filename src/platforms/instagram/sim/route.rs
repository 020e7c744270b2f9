//! The paths of the simulated Instagram, and what is asked for at each.

use crate::instagram::version::number;
use crate::meta::sim::Refusal;
use crate::sim::Inbound;
use crate::sim::http::field;
use std::ops::RangeInclusive;

/// docs, graph-api/changelog/versions, 2026-11.
const LIVING: RangeInclusive<u32> = 21..=26;

/// What a request is for, with what its path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Consent(Login),
    Allow(Login),
    Token(Login),
    Lengthen(Login),
    Refresh,
    Me,
    Accounts,
    Create(&'a str),
    Publish(&'a str),
    List(&'a str),
    Quota(&'a str),
    Status(&'a str),
    Get(&'a str),
    Upload(&'a str),
    Feed,
    /// A post's own page, by its short code, and the way from there to the root.
    Post(&'a str, &'static str),
    File(&'a str),
}

/// The two ways to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Login {
    Facebook,
    Instagram,
}

impl<'a> Route<'a> {
    pub fn of(request: &'a Inbound) -> Option<Self> {
        let mut parts = [""; 4];
        let mut count = 0;
        for part in request.path.trim_start_matches('/').split('/') {
            *parts.get_mut(count)? = part;
            count += 1;
        }
        let asks = |name: &str, value: &str| {
            field(&request.query, name).is_some_and(|text| text.split(',').any(|t| t == value))
        };
        match (request.method.as_str(), parts.get(..count)?) {
            ("GET", ["oauth", "authorize"]) => Some(Self::Consent(Login::Instagram)),
            ("POST", ["oauth", "authorize"]) => Some(Self::Allow(Login::Instagram)),
            ("POST", ["oauth", "access_token"]) => Some(Self::Token(Login::Instagram)),
            ("GET", ["access_token"]) => Some(Self::Lengthen(Login::Instagram)),
            ("GET", ["refresh_access_token"]) => Some(Self::Refresh),
            ("GET", ["" | "feed"]) => Some(Self::Feed),
            ("GET", ["p" | "reel", code, ""]) => Some(Self::Post(code, "../../")),
            ("GET", ["p" | "reel", code]) => Some(Self::Post(code, "../")),
            ("GET", ["file", key]) => Some(Self::File(key)),
            ("POST", ["ig-api-upload", version, id]) if is_living(version) => {
                Some(Self::Upload(id))
            }
            (method, [version, rest @ ..]) if is_living(version) => match (method, rest) {
                ("GET", ["dialog", "oauth"]) => Some(Self::Consent(Login::Facebook)),
                ("POST", ["dialog", "oauth"]) => Some(Self::Allow(Login::Facebook)),
                ("GET", ["oauth", "access_token"]) if asks("grant_type", "fb_exchange_token") => {
                    Some(Self::Lengthen(Login::Facebook))
                }
                ("GET", ["oauth", "access_token"]) => Some(Self::Token(Login::Facebook)),
                ("GET", ["me"]) => Some(Self::Me),
                ("GET", ["me", "accounts"]) => Some(Self::Accounts),
                ("POST", [id, "media"]) => Some(Self::Create(id)),
                ("GET", [id, "media"]) => Some(Self::List(id)),
                ("POST", [id, "media_publish"]) => Some(Self::Publish(id)),
                ("GET", [id, "content_publishing_limit"]) => Some(Self::Quota(id)),
                // Only a container has a state, so asking for one asks for a container.
                ("GET", [id]) if asks("fields", "status_code") => Some(Self::Status(id)),
                ("GET", [id]) => Some(Self::Get(id)),
                _ => None,
            },
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Consent(_) | Self::Allow(_) => "oauth.authorize",
            Self::Token(_) => "oauth.token",
            Self::Lengthen(_) => "oauth.lengthen",
            Self::Refresh => "oauth.refresh",
            Self::Me => "me",
            Self::Accounts => "me.accounts",
            Self::Create(_) => "media.create",
            Self::Publish(_) => "media.publish",
            Self::List(_) => "media.list",
            Self::Quota(_) => "publishing_limit",
            Self::Status(_) => "media.status",
            Self::Get(_) => "media.get",
            Self::Upload(_) => "media.upload",
            Self::Feed | Self::Post(..) | Self::File(_) => "pages",
        }
    }

    /// No token is asked for; what a token endpoint is shown is looked at by its handler.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Upload(_))
            || ["oauth.authorize", "oauth.token", "oauth.lengthen", "oauth.refresh", "pages"]
                .contains(&self.name())
    }

    /// The host of a token endpoint.
    pub fn token_host(self) -> Option<&'static str> {
        match self {
            Self::Token(Login::Instagram) => Some("api.instagram.com"),
            Self::Lengthen(Login::Instagram) | Self::Refresh => Some("graph.instagram.com"),
            Self::Token(Login::Facebook) | Self::Lengthen(Login::Facebook) => {
                Some("graph.facebook.com")
            }
            _ => None,
        }
    }

    /// The permission that a token must have: under Facebook Login, under Instagram Login.
    pub fn scopes(self) -> [&'static str; 2] {
        match self {
            Self::Create(_) | Self::Publish(_) | Self::Quota(_) => {
                ["instagram_content_publish", "instagram_business_content_publish"]
            }
            Self::Accounts => ["pages_show_list", ""],
            _ => ["instagram_basic", "instagram_business_basic"],
        }
    }
}

/// A version that is available today; the oldest of them ends on 2027-01-21.
fn is_living(version: &str) -> bool {
    number(version).is_some_and(|number| LIVING.contains(&number))
}

/// Meta's answer where there is nothing: another one for a version that is over.
pub(super) fn nowhere(path: &str) -> Refusal {
    let version = path.trim_start_matches('/').split('/').find_map(number);
    if version.is_some_and(|version| version < *LIVING.start()) {
        let told = "(#2635) You are calling a deprecated version of the Graph API.";
        return Refusal::new(400, (2_635, 0), told);
    }
    Refusal::new(400, (2_500, 0), format!("Unknown path components: {path}"))
}
