//! The version of the API, which every call names in a header: the year and month of its release.

use super::LinkedIn;
use crate::port::Versioned;
use domain::time::Timestamp;
use http::{HeaderMap, HeaderValue, Uri};

/// The newest version in August 2026.
pub(super) const VERSION: &str = "202607";
/// The header that names it; a call without it is refused.
pub(super) const HEADER: &str = "linkedin-version";

impl Versioned for LinkedIn {
    fn version(&self) -> &'static str {
        VERSION
    }

    fn is_version(&self, words: &str) -> bool {
        self.ends_at(words).is_some()
    }

    /// A version lives at least twelve months.
    fn ends_at(&self, version: &str) -> Option<Timestamp> {
        let is_number = version.len() == 6 && version.bytes().all(|b| b.is_ascii_digit());
        let number: u32 = version.parse().ok().filter(|_| is_number)?;
        let (year, month) = (number / 100, number % 100);
        Timestamp::parse(&format!("{:04}-{month:02}-01T00:00:00Z", year + 1))
    }

    fn name_version(&self, version: &str, _uri: &mut Uri, headers: &mut HeaderMap) {
        if let Some(header) = headers.get_mut(HEADER) {
            // It was read as digits, which every header takes.
            *header = HeaderValue::from_str(version).unwrap_or_else(|_| header.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_month_and_lives_a_year() {
        let ends = |version| LinkedIn.ends_at(version).map(|end| end.to_string());
        assert_eq!(ends("202607").as_deref(), Some("2027-07-01T00:00:00.000Z"));
        for no in ["2026-07", "202613", "202600", "20267", "2026070", "+20267", ""] {
            assert!(!LinkedIn.is_version(no), "{no}");
        }
    }

    #[test]
    fn a_later_version_is_named_where_one_is_named() {
        let mut uri = Uri::from_static("https://api.linkedin.com/rest/posts");
        let mut headers = HeaderMap::new();
        LinkedIn.name_version("202611", &mut uri, &mut headers);
        assert!(headers.is_empty(), "calls of the unversioned API stay as they are");
        headers.insert(HEADER, HeaderValue::from_static(VERSION));
        LinkedIn.name_version("202611", &mut uri, &mut headers);
        assert_eq!(headers[HEADER], "202611");
    }
}
