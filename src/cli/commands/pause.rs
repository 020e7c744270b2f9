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
    if let What::Brand { .. } | What::Account { .. } = &arguments.what {
        own(&arguments.what, way, reason).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let target = match &arguments.what {
        What::Platform { name } => Target::platform(name)?,
        What::App { platform, app } => Target::app(platform, app)?,
        What::Queue { name } => Target::queue(name)?,
        What::Brand { .. } | What::Account { .. } => return Ok(ExitCode::FAILURE),
    };
    let (config, store) = arguments.installation.open().await?;
    let queue = Queue::connect(&config.queue).await?;
    let with = (&store, &queue);
    let reason = if reason.is_empty() { "resumed by an operator" } else { reason };
    let order = Order { target: &target, actor: halts::OPERATOR, reason };
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
    Ok(ExitCode::SUCCESS)
}

/// What a tenant's own key pauses.
async fn own(what: &What, way: Way, reason: &str) -> Result<(), Fault> {
    let fleet = Client::new(&Place::find()?)?;
    match (what, way) {
        (What::Brand { slug }, Way::Pause) => {
            fleet.pause_brand(slug, reason).await?;
            say(format_args!(
                "brand:{slug} is paused until it is resumed, with all accounts that it has or \
                 will have."
            ));
        }
        (What::Brand { slug }, Way::Resume) => {
            fleet.resume_brand(slug).await?;
            say(format_args!("brand:{slug} is resumed."));
            for account in fleet.accounts(slug).await? {
                say(format_args!("{}  {}", account.id, account.health.sentence));
            }
        }
        (What::Account { id }, Way::Pause) => {
            say(fleet.pause_account(id, reason).await?.health.sentence);
        }
        (What::Account { id }, Way::Resume) => say(fleet.resume_account(id).await?.health.sentence),
        (What::Platform { .. } | What::App { .. } | What::Queue { .. }, _) => {}
    }
    Ok(())
}
