//! `postfleet status`: one line per delivery of a post.

use crate::say::{say, warn};
use base::{Fault, clock};
use client::{Client, Delivery, Place};
use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;
use url::Url;

const ASK_EVERY: Duration = Duration::from_millis(250);

/// What `postfleet status` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The post's id.
    post_id: String,
    #[command(flatten)]
    wait: Wait,
}

/// How to wait for deliveries.
#[derive(clap::Args)]
pub struct Wait {
    /// Waits until every delivery has ended. Exit code 0 when all are published.
    #[arg(long)]
    pub watch: bool,
    /// Gives up waiting after so many seconds.
    #[arg(long, value_name = "SECONDS", requires = "watch")]
    pub timeout: Option<u64>,
}

/// Shows the deliveries of a post.
///
/// # Errors
/// The fleet refuses, or does not answer.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let place = Place::find()?;
    let fleet = Client::new(&place)?;
    if arguments.wait.watch {
        return watch(&fleet, &place, &arguments.post_id, &arguments.wait).await;
    }
    let post = fleet.show(&arguments.post_id).await?;
    for delivery in &post.deliveries {
        say(line(delivery, &place));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a line when a delivery has ended, or begins to wait for a limit. Returns when all have
/// ended.
///
/// # Errors
/// The fleet refuses, or does not answer.
pub async fn watch(
    fleet: &Client,
    place: &Place,
    post_id: &str,
    wait: &Wait,
) -> Result<ExitCode, Fault> {
    let since = clock::stopwatch();
    let mut said: HashMap<String, String> = HashMap::new();
    loop {
        let post = fleet.show(post_id).await?;
        let is_late = wait.timeout.is_some_and(|s| since.elapsed() >= Duration::from_secs(s));
        for delivery in &post.deliveries {
            let is_worth_a_line = is_late || delivery.is_settled() || delivery.status == "parked";
            let is_said = said.get(&delivery.id) == Some(&delivery.status);
            if is_worth_a_line && !is_said {
                say(line(delivery, place));
                said.insert(delivery.id.clone(), delivery.status.clone());
            }
        }
        if post.is_settled() {
            let all = post.deliveries.iter().all(|delivery| delivery.status == "published");
            return Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if is_late {
            warn("not all deliveries have ended in time");
            return Ok(ExitCode::FAILURE);
        }
        clock::pause(ASK_EVERY).await;
    }
}

/// Platform, account, status, and where to see it or why not.
fn line(delivery: &Delivery, place: &Place) -> String {
    let Delivery { platform, status, .. } = delivery;
    let account = match delivery.app.as_str() {
        "" | "default" => delivery.account.clone(),
        app => format!("{} ({app})", delivery.account),
    };
    let rest = link(delivery, place).or_else(|| reason(delivery)).unwrap_or_default();
    format!("{platform:<10} {account:<22} {status:<12} {rest}").trim_end().to_owned()
}

/// Where a person can see it. A simulated platform has the same path below its own address.
fn link(delivery: &Delivery, place: &Place) -> Option<String> {
    let permalink = delivery.permalink.as_ref()?;
    let (Some(sim), Ok(real)) = (&place.sim_url, Url::parse(permalink)) else {
        return Some(permalink.clone());
    };
    if permalink.starts_with(sim) {
        return Some(permalink.clone());
    }
    let query = real.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{sim}/{}{}{query}", delivery.platform, real.path()))
}

fn reason(delivery: &Delivery) -> Option<String> {
    if let Some(seconds) = delivery.retry_after {
        return Some(format!("goes on in {seconds} s"));
    }
    let error = delivery.error.as_ref()?;
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    Some(format!("{}: {} {}", text("type"), text("message"), text("resolution")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn delivery(status: &str) -> Delivery {
        let shown = json!({"id": "dlv_1", "accountId": "acc_1", "account": "@acme",
            "platform": "x", "status": status});
        serde_json::from_value(shown).unwrap()
    }

    fn place(sim_url: Option<&str>) -> Place {
        let sim_url = sim_url.map(str::to_owned);
        Place { api_url: String::new(), api_key: String::new(), sim_url }
    }

    #[test]
    fn a_published_delivery_links_to_where_it_can_be_seen() {
        let mut published = delivery("published");
        published.permalink = Some("https://x.com/acme/status/7".to_owned());
        let real = line(&published, &place(None));
        assert!(real.ends_with("published    https://x.com/acme/status/7"), "{real}");
        let simulated = line(&published, &place(Some("http://127.0.0.1:8090")));
        assert!(simulated.ends_with("http://127.0.0.1:8090/x/acme/status/7"), "{simulated}");
    }

    #[test]
    fn what_is_not_out_says_why() {
        let mut parked = delivery("parked");
        parked.retry_after = Some(40);
        assert!(line(&parked, &place(None)).ends_with("goes on in 40 s"));
        let mut failed = delivery("failed");
        failed.error = Some(json!({"type": "PlatformMediaError", "message": "Too big.",
            "resolution": "Shrink it."}));
        let told = line(&failed, &place(None));
        assert!(told.ends_with("PlatformMediaError: Too big. Shrink it."), "{told}");
    }
}
