//! What an operator says about the platforms: where they are and who we are there.

use crate::connect::read_entry;
use crate::versions;
use base::mail::Mailer;
use base::route::Base;
use base::{Context, Fault};
use domain::limit::Rate;
use domain::secret::Secret;
use http::{HeaderMap, Uri};
use platforms::{Adapter, App as Registration, Platform};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// Media are brought to the platform this long before the due time, so that only the
/// irreversible call is left for it (DESIGN section 3).
const STAGING_S: u32 = 600;
/// The longest staging: what is held for us for a day has three quarters of it left then.
const STAGING_S_MAX: u32 = 6 * 3_600;
/// A minute late is what people notice, and what a minute's cron would be.
const LATE_AFTER_S: u32 = 60;
/// A hundred a second is more than any person's app asks, and less than a loop gone wild.
pub const REQUESTS_PER_MINUTE: u32 = 6_000;
/// Two posts a minute is as fast as anybody catches up by hand.
const CATCH_UP_GAP_S: u32 = 30;
/// A gap of an hour has a day's backlog out within patience.
const CATCH_UP_GAP_S_MAX: u32 = 3_600;

/// The section `[platforms.<name>]`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlatformConfig {
    /// Sends every call of the platform to this base URL instead of its own hosts.
    pub url: Option<String>,
    /// Our registration's public id.
    pub client_id: String,
    /// Our registration's secret; meant for the environment.
    pub client_secret: Option<Secret>,
    /// A file that holds it.
    pub client_secret_file: Option<PathBuf>,
    /// Further registrations, where a platform has several.
    pub apps: BTreeMap<String, AppConfig>,
    /// How long a published post may stay invisible to a look-up, in milliseconds; the
    /// adapter's own figure without it.
    pub visibility_delay_ms: Option<u64>,
    /// The longest deadline of a call, in milliseconds; the adapter's own figure without it.
    pub call_deadline_ms: Option<u64>,
    /// Multiplies every documented limit, for an app that was granted more; 1 without it.
    pub limit_factor: Option<u32>,
    /// The version of its API that calls name; the one the adapter was written for without it.
    pub api_version: Option<String>,
    /// Smooths the calls of each app: so many in a second, no more at once; unbounded without it.
    pub calls_per_second_max: Option<u32>,
    /// Files and containers are brought to the platform so many seconds ahead; 600 without it.
    pub staging_s: Option<u32>,
    /// What goes out later than so many seconds is late, and told in `post.missed`; 60 without it.
    pub late_after_s: Option<u32>,
    /// Late posts of one account leave so many seconds apart; 30 without it, 0 for at once.
    pub catch_up_gap_s: Option<u32>,
}

/// The section `[platforms.<name>.apps.<app>]`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppConfig {
    /// The registration's public id.
    pub client_id: String,
    /// The registration's secret; meant for the environment.
    pub client_secret: Option<Secret>,
    /// A file that holds it.
    pub client_secret_file: Option<PathBuf>,
}

/// One platform, read and checked.
#[derive(Clone)]
pub struct PlatformSettings {
    /// Where its calls go.
    pub base: Base,
    /// Our registrations by name.
    pub registrations: BTreeMap<String, Registration>,
    /// Overrides the adapter's figure.
    pub visibility_delay: Option<Duration>,
    /// Caps the deadlines of calls.
    pub call_deadline: Option<Duration>,
    /// Multiplies the adapter's limits.
    pub limit_factor: u32,
    /// Replaces the version that the adapter names.
    pub api_version: Option<String>,
    /// Smooths the calls of an app.
    pub rate: Option<Rate>,
    /// Files and containers are brought to the platform this long ahead.
    pub staging: Duration,
    /// What goes out later than this is late.
    pub late_after: Duration,
    /// Late posts of one account leave this far apart.
    pub catch_up_gap: Duration,
}

impl PlatformSettings {
    /// Puts the configured version in the place of the one that the adapter of `platform` named.
    pub(crate) fn name_version(&self, platform: &str, uri: &mut Uri, headers: &mut HeaderMap) {
        let Some(version) = self.api_version.as_deref() else { return };
        let adapter = platforms::find(platform).and_then(|platform| platform.adapter());
        if let Some(versioned) = adapter.and_then(Adapter::versioned) {
            versioned.name_version(version, uri, headers);
        }
    }
}

/// What an operator says about the platforms.
#[derive(Clone)]
pub struct Settings {
    /// Where browsers reach us, without a slash at the end.
    pub public_url: String,
    /// Where browsers may be sent back to once an account is connected.
    pub return_urls: Vec<Url>,
    /// Requests of a key in a minute, where it has no limit of its own; 0 is none.
    pub requests_per_minute: u32,
    /// Mails operators, where they want that.
    pub mail: Option<Mailer>,
    /// By the platform's name.
    pub platforms: BTreeMap<String, PlatformSettings>,
}

impl Settings {
    /// Reads and checks the sections.
    ///
    /// # Errors
    /// When a platform is unknown, a base or return URL is refused or a secret's file cannot be
    /// read.
    pub fn read(
        public_url: &str,
        return_urls: &[String],
        sections: &BTreeMap<String, PlatformConfig>,
    ) -> Result<Self, Fault> {
        let public_url = public_url.trim_end_matches('/').to_owned();
        let mut all = BTreeMap::new();
        if let Some(name) = sections.keys().find(|name| platforms::find(name).is_none()) {
            return Err(Fault::new(format!("[platforms.{name}] names no platform")));
        }
        for platform in platforms::ALL {
            let name = platform.name();
            let section = sections.get(name).cloned().unwrap_or_default();
            let apps = platform.adapter().map(|adapter| adapter.auth().apps()).unwrap_or_default();
            if let Some(app) = section.apps.keys().find(|app| !apps.contains(&app.as_str())) {
                return Err(Fault::new(format!(
                    "[platforms.{name}.apps.{app}] is not one of its apps: {}",
                    apps.join(", ")
                )));
            }
            let read = read_platform(&public_url, *platform, &section);
            all.insert(name.to_owned(), read.context(format!("reading [platforms.{name}]"))?);
        }
        let return_urls = return_urls.iter().map(|entry| read_entry(entry));
        let return_urls = return_urls.collect::<Result<_, _>>()?;
        let requests_per_minute = REQUESTS_PER_MINUTE;
        Ok(Self { public_url, return_urls, requests_per_minute, mail: None, platforms: all })
    }

    /// A link of a platform, turned to where its calls go: a simulator shows its own posts.
    pub fn reachable(&self, platform: &str, permalink: String) -> String {
        let settings = self.platforms.get(platform);
        let turned = settings.and_then(|s| s.base.rewrite(&permalink.parse().ok()?).ok());
        turned.map_or(permalink, |uri| uri.to_string())
    }

    /// Every platform's calls stay on this machine: only then may crash points be armed.
    pub fn is_loopback(&self) -> bool {
        let with_adapter = platforms::ALL.iter().copied().filter(|p| p.adapter().is_some());
        with_adapter
            .filter_map(|platform| self.platforms.get(platform.name()))
            .all(|settings| settings.base.is_loopback())
    }
}

fn read_platform(
    public_url: &str,
    platform: &dyn Platform,
    section: &PlatformConfig,
) -> Result<PlatformSettings, Fault> {
    let name = platform.name();
    let registration = |app: &str, config: &AppConfig| -> Result<Registration, Fault> {
        Ok(Registration {
            name: app.to_owned(),
            client_id: config.client_id.clone(),
            client_secret: secret(&config.client_secret, config.client_secret_file.as_deref())?,
            redirect_uri: format!("{public_url}/oauth/{name}/callback"),
        })
    };
    let mut registrations = BTreeMap::new();
    if !section.client_id.is_empty() {
        let config = AppConfig {
            client_id: section.client_id.clone(),
            client_secret: section.client_secret.clone(),
            client_secret_file: section.client_secret_file.clone(),
        };
        registrations.insert("default".to_owned(), registration("default", &config)?);
    }
    for (app, config) in &section.apps {
        registrations.insert(app.clone(), registration(app, config)?);
    }
    let versioned = platform.adapter().and_then(Adapter::versioned);
    let seconds = |key: &str, given: Option<u32>, default: u32, range: RangeInclusive<u32>| {
        let seconds = given.unwrap_or(default);
        if range.contains(&seconds) {
            return Ok(Duration::from_secs(seconds.into()));
        }
        let (least, most) = (range.start(), range.end());
        Err(Fault::new(format!("{key} is from {least} to {most} seconds, not {seconds}")))
    };
    let api_version = versions::checked(versioned, section.api_version.as_deref());
    Ok(PlatformSettings {
        api_version: api_version.map_err(Fault::new)?,
        base: Base::parse(section.url.as_deref())?,
        registrations,
        visibility_delay: section.visibility_delay_ms.map(Duration::from_millis),
        call_deadline: section.call_deadline_ms.map(Duration::from_millis),
        limit_factor: section.limit_factor.unwrap_or(1).max(1),
        rate: section.calls_per_second_max.map(|calls| Rate {
            calls: calls.max(1),
            per: Duration::from_secs(1),
            burst: calls.max(1),
        }),
        staging: seconds("staging_s", section.staging_s, STAGING_S, 0..=STAGING_S_MAX)?,
        late_after: seconds("late_after_s", section.late_after_s, LATE_AFTER_S, 1..=3_600)?,
        catch_up_gap: seconds(
            "catch_up_gap_s",
            section.catch_up_gap_s,
            CATCH_UP_GAP_S,
            0..=CATCH_UP_GAP_S_MAX,
        )?,
    })
}

fn secret(inline: &Option<Secret>, file: Option<&Path>) -> Result<Secret, Fault> {
    match (inline, file) {
        (Some(secret), _) => Ok(secret.clone()),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).context("reading client_secret_file")?;
            Ok(text.trim().into())
        }
        (None, None) => Ok(Secret::default()),
    }
}
