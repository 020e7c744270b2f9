//! `postfleet connect`: lets the fleet act for an account.

use crate::say::say;
use base::{Context, Fault};
use client::{Browser, Client, Place};
use url::Url;

/// What `postfleet connect` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The platform.
    platform: String,
    /// The brand's slug; the brand is created when it is new.
    #[arg(long, value_name = "SLUG")]
    brand: String,
    /// The account to grant on a simulated platform; the consent page's own choice without it.
    #[arg(long, value_name = "HANDLE")]
    account: Option<String>,
    /// Which of our registrations, on a platform that has several.
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
}

/// Connects on a simulated platform, or says where a person has to consent.
///
/// # Errors
/// The fleet or the consent page refuses.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let Arguments { platform, brand, account, app } = arguments;
    let place = Place::find()?;
    let fleet = Client::new(&place)?;
    fleet.ensure_brand(brand, brand).await?;
    let before = fleet.accounts(brand).await?;
    let link = fleet.authorize(platform, brand, app.as_deref()).await?;
    if !is_answered(&place, &link, account.as_deref()).await? {
        let link = fleet.authorize(platform, brand, app.as_deref()).await?;
        say(format_args!("Open this within 30 minutes:\n{link}"));
        return Ok(());
    }
    let wanted = account.as_deref().map(bare);
    let connected: Vec<_> = fleet
        .accounts(brand)
        .await?
        .into_iter()
        .filter(|found| found.platform == *platform && found.status == "connected")
        .filter(|found| app.as_ref().is_none_or(|app| found.app == *app))
        .filter(|found| match wanted {
            Some(wanted) => bare(&found.handle) == wanted,
            None => !before.iter().any(|known| known.id == found.id),
        })
        .collect();
    if connected.is_empty() && wanted.is_some() {
        return Err(Fault::new("the account is not among the brand's accounts"));
    }
    // Without a name and without a new account, one was connected again.
    let lines = if connected.is_empty() { before } else { connected };
    let line = lines.first().context("the brand has no account now")?;
    let handle = match line.app.as_str() {
        "default" => line.handle.clone(),
        app => format!("{} ({app})", line.handle),
    };
    say(format_args!("{}  {handle}  {}  {}", line.platform, line.status, line.id));
    Ok(())
}

/// Goes the way of a person on a simulated platform; `false` where the platform is a real one.
async fn is_answered(place: &Place, link: &Url, account: Option<&str>) -> Result<bool, Fault> {
    let is_here = |url: &Url| url.host_str() == Some("127.0.0.1");
    if !is_here(link) {
        return Ok(false);
    }
    let mut browser = Browser::new()?;
    let page = browser.enter(link).await?;
    let is_simulated = place.sim_url.as_deref().is_some_and(|sim| page.as_str().starts_with(sim));
    if !is_simulated && !is_here(&page) {
        return Ok(false);
    }
    let back = browser.allow(&page, account.as_slice()).await?;
    browser.finish(&back).await?;
    Ok(true)
}

fn bare(handle: &str) -> &str {
    handle.trim_start_matches('@')
}
