//! Looks after the versions of the platforms' APIs, which end: a fleet that names one that is gone
//! publishes nothing there.

use crate::App;
use crate::settings::Settings;
use domain::time::Timestamp;
use platforms::Versioned;
use std::time::Duration;

/// An operator has this long to try a later version.
const NOTICE: Duration = Duration::from_secs(60 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);

/// The version that calls of a platform name, and how long it is sure to live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The platform.
    pub platform: &'static str,
    /// The version that is in use.
    pub version: String,
    /// The first instant at which it may be gone, where its name tells.
    pub ends_at: Option<Timestamp>,
}

impl Named {
    /// It is time to name a later one.
    pub fn is_ageing(&self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|end| end <= now + NOTICE)
    }
}

/// The versions in use.
pub fn named(settings: &Settings) -> Vec<Named> {
    let of = |platform: &&'static dyn platforms::Platform| {
        let versioned = platform.adapter()?.versioned()?;
        let configured = settings.platforms.get(platform.name())?.api_version.clone();
        let version = configured.unwrap_or_else(|| versioned.version().to_owned());
        let ends_at = versioned.ends_at(&version);
        Some(Named { platform: platform.name(), version, ends_at })
    };
    platforms::ALL.iter().filter_map(of).collect()
}

/// Tells of every version how many days it is sure to live, in a metric, and in the log when an
/// operator has to act.
pub fn watch(app: &App, now: Timestamp) {
    for named in self::named(&app.0.settings) {
        let Some(end) = named.ends_at else { continue };
        let Named { platform, ref version, .. } = named;
        let days = end.since(now).as_secs() / DAY.as_secs();
        metrics::gauge!("postfleet_api_version_days_left", "platform" => platform)
            .set(u32::try_from(days).unwrap_or(u32::MAX));
        if named.is_ageing(now) {
            let advice = "set `api_version` of the platform to a later one";
            tracing::warn!(platform, version, sure_until = %end, advice, "an API version ends");
        }
    }
}

/// The configured version, checked.
pub(crate) fn checked(
    versioned: Option<&dyn Versioned>,
    configured: Option<&str>,
) -> Result<Option<String>, String> {
    let Some(words) = configured else { return Ok(None) };
    let Some(versioned) = versioned else {
        return Err("`api_version` has no effect: calls of this platform name none".to_owned());
    };
    if versioned.is_version(words) {
        return Ok(Some(words.to_owned()));
    }
    let like = versioned.version();
    Err(format!("`api_version` is {words:?}, which is no version of its API, as {like:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_ageing_two_months_before_it_may_be_gone() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let ends = |ends_at| Named { platform: "linkedin", version: "202607".into(), ends_at };
        assert!(!ends(None).is_ageing(now));
        assert!(!ends(Some(now + NOTICE + Duration::from_secs(1))).is_ageing(now));
        assert!(ends(Some(now + NOTICE)).is_ageing(now));
        assert!(ends(Some(now)).is_ageing(now));
    }
}
