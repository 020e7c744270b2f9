//! `postfleet pause` and `resume`: a platform, an app, a queue, a brand, an account.

use crate::commands::installation::Installation;
use crate::say::say;
use app::halts::{self, Order, Target};
use base::Fault;
use client::{Client, Place};
use queue::Queue;
use std::process::ExitCode;

/// What `postfleet pause` and `postfleet resume` take.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    installation: Installation,
    /// Why; the audit and whatever waits show it.
    #[arg(long, value_name = "TEXT", global = true, default_value = "")]
    reason: String,
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Every call to a platform, renewals of tokens too.
    Platform {
        /// Its name.
        name: String,
    },
    /// Every call through one of our registrations on a platform.
    App {
        /// The platform's name.
        platform: String,
        /// The registration's name, as `default` or `organization`.
        app: String,
    },
    /// Every job of a queue, as `webhook` or `publish:x`.
    Queue {
        /// Its name.
        name: String,
    },
    /// A brand of the key's tenant, with every account that it has or will have.
    Brand {
        /// Its slug.
        slug: String,
    },
    /// One account of the key's tenant.
    Account {
        /// Its id.
        id: String,
    },
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing leaves any more.
    Pause,
    /// It leaves again.
    Resume,
}

/// Does it, and says what that came to.
///
/// # Errors
/// There is nothing of this name, or Postgres, Redis or the fleet fails.
pub async fn run(arguments: &Arguments, way: Way) -> Result<ExitCode, Fault> {
    let reason = arguments.reason.trim();
    if way == Way::Pause && reason.is_empty() {
        return Err(Fault::new("say --reason: whoever finds it paused wants to know why"));
    }
    match &arguments.what {
        What::Platform { name } => everybodys(arguments, &Target::platform(name)?, way).await?,
        What::App { platform, app } => {
            everybodys(arguments, &Target::app(platform, app)?, way).await?;
        }
        What::Queue { name } => everybodys(arguments, &Target::queue(name)?, way).await?,
        What::Brand { slug } => brand(slug, way, reason).await?,
        What::Account { id } => account(id, way, reason).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What holds all tenants up, in the database itself.
async fn everybodys(arguments: &Arguments, target: &Target, way: Way) -> Result<(), Fault> {
    let (config, store) = arguments.installation.open().await?;
    let queue = Queue::connect(&config.queue).await?;
    let with = (&store, &queue);
    let reason = match arguments.reason.trim() {
        "" => "resumed by an operator",
        reason => reason,
    };
    let order = Order { target, actor: halts::OPERATOR, reason };
    let words = match way {
        Way::Pause => match halts::pause(with, order).await? {
            true => "is paused until it is resumed",
            false => "was paused for this reason already",
        },
        Way::Resume => match halts::resume(with, order).await? {
            true => "is resumed",
            false => "was not paused",
        },
    };
    say(format_args!("{} {words}.", target.subject()));
    Ok(())
}

/// A brand, by a key of its tenant.
async fn brand(slug: &str, way: Way, reason: &str) -> Result<(), Fault> {
    let fleet = Client::new(&Place::find()?)?;
    match way {
        Way::Pause => {
            fleet.pause_brand(slug, reason).await?;
            say(format_args!(
                "brand:{slug} is paused until it is resumed, with all accounts that it has or \
                 will have."
            ));
        }
        Way::Resume => {
            fleet.resume_brand(slug).await?;
            say(format_args!("brand:{slug} is resumed."));
            for account in fleet.accounts(slug).await? {
                say(format_args!("{}  {}", account.id, account.health.sentence));
            }
        }
    }
    Ok(())
}

/// An account, by a key of its tenant.
async fn account(id: &str, way: Way, reason: &str) -> Result<(), Fault> {
    let fleet = Client::new(&Place::find()?)?;
    let account = match way {
        Way::Pause => fleet.pause_account(id, reason).await?,
        Way::Resume => fleet.resume_account(id).await?,
    };
    say(account.health.sentence);
    Ok(())
}
