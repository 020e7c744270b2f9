//! The version of the Graph API, which stands in the path of every call but those for tokens.

use super::Instagram;
use crate::port::Versioned;
use domain::time::Timestamp;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};

/// v25.0 since 2026-02-18; v26.0 followed on 2026-07-29.
pub(super) const VERSION: &str = "v25.0";

/// Until when a version is available: docs, graph-api/changelog/versions, as of 2026-11. The end
/// of the newest is announced later.
const ENDS: [(&str, &str); 6] = [
    ("v20.0", "2026-09-24T00:00:00Z"),
    ("v21.0", "2027-01-21T00:00:00Z"),
    ("v22.0", "2027-05-20T00:00:00Z"),
    ("v23.0", "2027-10-08T00:00:00Z"),
    ("v24.0", "2028-02-18T00:00:00Z"),
    ("v25.0", "2028-07-29T00:00:00Z"),
];

/// The number of a version in Meta's form, as `v25.0`.
pub(super) fn number(words: &str) -> Option<u32> {
    let number = words.strip_prefix('v')?.strip_suffix(".0")?;
    let is_number =
        (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse().ok()).flatten()
}

impl Versioned for Instagram {
    fn version(&self) -> &'static str {
        VERSION
    }

    fn is_version(&self, words: &str) -> bool {
        number(words).is_some()
    }

    /// Meta tells the end of a version by a changelog, not by its name.
    fn ends_at(&self, version: &str) -> Option<Timestamp> {
        let (_, end) = ENDS.iter().find(|(ending, _)| *ending == version)?;
        Timestamp::parse(end)
    }

    fn name_version(&self, version: &str, uri: &mut Uri, _headers: &mut HeaderMap) {
        let Some(rest) = uri.path_and_query().and_then(|whole| {
            whole.as_str().strip_prefix('/')?.strip_prefix(VERSION).filter(|r| r.starts_with('/'))
        }) else {
            return;
        };
        let path = PathAndQuery::from_maybe_shared(format!("/{version}{rest}"));
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = path.ok();
        if let Ok(named) = Uri::from_parts(parts) {
            *uri = named;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_version_stands_in_the_path() {
        let named = |uri: &'static str| {
            let mut uri = Uri::from_static(uri);
            Instagram.name_version("v26.0", &mut uri, &mut HeaderMap::new());
            uri.to_string()
        };
        let with = "https://graph.facebook.com/v25.0/17/media?fields=id";
        assert_eq!(named(with), "https://graph.facebook.com/v26.0/17/media?fields=id");
        let without = "https://graph.instagram.com/refresh_access_token?a=/v25.0/";
        assert_eq!(named(without), without);
    }

    #[test]
    fn the_end_of_a_version_is_told_once_it_is_announced() {
        let end = Instagram.ends_at(VERSION).unwrap();
        assert_eq!(end.to_string(), "2028-07-29T00:00:00.000Z");
        assert_eq!(Instagram.ends_at("v26.0"), None);
        assert!(ENDS.iter().all(|(version, _)| Instagram.ends_at(version).is_some()));
    }

    #[test]
    fn a_version_is_a_number() {
        assert!(["v25.0", "v9.0", "v100.0"].into_iter().all(|v| Instagram.is_version(v)));
        assert!(
            ["25.0", "v25", "v.0", "v25.1", "v-1.0", ""].iter().all(|v| !Instagram.is_version(v))
        );
    }
}
