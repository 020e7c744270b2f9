//! Mails the operator about what waits for a person: one of a kind in a while, with all that is
//! open then.

use crate::App;
use base::Fault;
use store::mailings::{Digest, Matter, Open};

/// Things that a mail names; how many there are it says too.
const NAMED_MAX: i64 = 50;

/// Looks whether there is something to tell, and tells it. A mail that was not taken is tried again
/// in two minutes.
///
/// # Errors
/// When Postgres or the mail server fails.
pub async fn tell(app: &App) -> Result<(), Fault> {
    let Some(mailer) = &app.0.settings.mail else { return Ok(()) };
    for matter in Matter::ALL {
        let taken = app.0.store.take_mailing(matter, mailer.every, NAMED_MAX).await?;
        let Some(digest) = taken else { continue };
        mailer.send(&subject(matter, digest.count), body(matter, &digest)).await?;
        app.0.store.end_mailing(matter, &digest).await?;
        metrics::counter!("postfleet_mails_total", "kind" => matter.as_str()).increment(1);
        tracing::info!(kind = matter.as_str(), open = digest.count, "operators were mailed");
    }
    Ok(())
}

/// There is somebody to mail.
pub fn is_wanted(app: &App) -> bool {
    app.0.settings.mail.is_some()
}

fn subject(matter: Matter, count: i64) -> String {
    let (one, many) = match matter {
        Matter::Review => ("delivery waits for a person", "deliveries wait for a person"),
        Matter::Reconnect => ("account needs its owner", "accounts need their owners"),
    };
    format!("postfleet: {count} {}", if count == 1 { one } else { many })
}

fn body(matter: Matter, digest: &Digest) -> String {
    let way_out = match matter {
        Matter::Review => {
            "Nobody knows of these whether they are out. Look at the account, then say what you \
             saw: `postfleet review ID --help`."
        }
        Matter::Reconnect => {
            "Nothing leaves on these until their owners have connected them again: `postfleet \
             connect`, or a link from the upstream app. `postfleet accounts retry ID` then sends \
             what has failed."
        }
    };
    let mut lines = vec![way_out.to_owned(), String::new()];
    lines.extend(digest.open.iter().map(line));
    let left = digest.count - i64::try_from(digest.open.len()).unwrap_or(i64::MAX);
    if left > 0 {
        lines.push(format!("… and {left} more."));
    }
    lines.join("\n") + "\n"
}

fn line(open: &Open) -> String {
    let Open { subject, handle, platform, brand, tenant, reason, since } = open;
    format!("{subject}  {handle} on {platform}, brand {brand} of {tenant}, since {since}: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_of_in_the_singular() {
        assert_eq!(subject(Matter::Reconnect, 1), "postfleet: 1 account needs its owner");
        assert_eq!(subject(Matter::Review, 2), "postfleet: 2 deliveries wait for a person");
    }
}
