//! Wires the crates together: the only place that knows all of them.

use crate::config::Config;
use app::App;
use app::ready::Check;
use app::settings::Settings;
use base::http::Http;
use base::mail::Mailer;
use base::outbound::Outbound;
use base::{Fault, clock, crash};
use media::Library;
use queue::{Ailment, Queue};
use server::Operators;
use std::time::Duration;
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vault::KeyRing;
use workers::{Duties, Role};

/// A wired process.
pub struct Fleet {
    /// The verbs.
    pub app: App,
    /// Redis.
    pub queue: Queue,
    config: Config,
}

impl Fleet {
    /// Connects to everything the configuration names.
    ///
    /// # Errors
    /// When something cannot be reached, read or opened; the message names it.
    pub async fn wire(config: &Config) -> Result<Self, Fault> {
        let store = Store::connect(&config.store).await?;
        let queue = Queue::connect(&config.queue).await?;
        Self::of(config, store, queue)
    }

    /// The same, but waits for Postgres and Redis for as long as they are away, and tells operators
    /// what is waited for. `None`: the process was asked to end meanwhile.
    ///
    /// # Errors
    /// When the configuration cannot work, Redis would evict, or the schema does not fit this
    /// program: waiting would not help.
    pub async fn wire_when_there(
        config: &Config,
        operators: &Operators,
        asked: &CancellationToken,
    ) -> Result<Option<Self>, Fault> {
        let store = until_there("postgres", operators, store::is_away, || async {
            store::reach(&config.store).await?;
            let store = Store::connect(&config.store).await?;
            let schema = store.schema().await?;
            schema.fits()?;
            if schema.is_newer() {
                tracing::warn!("{schema}");
            }
            Ok(store)
        });
        let queue =
            until_there("redis", operators, queue::is_away, || Queue::connect(&config.queue));
        let there = async { tokio::try_join!(store, queue) };
        match asked.run_until_cancelled(there).await {
            Some(there) => {
                let (store, queue) = there?;
                Self::of(config, store, queue).map(Some)
            }
            None => Ok(None),
        }
    }

    fn of(config: &Config, store: Store, queue: Queue) -> Result<Self, Fault> {
        let queue = queue.with_inbox(&config.inbox)?;
        let ring = KeyRing::of(&config.vault)?;
        let library = Library::open(&config.media)?;
        let mut settings = Settings::read(
            &config.server.public_url,
            &config.server.return_urls,
            &config.platforms,
        )?;
        settings.requests_per_minute = config.server.requests_per_minute;
        settings.mail = Mailer::of(&config.mail)?;
        let orders = if settings.is_loopback() { crash::arm() } else { 0 };
        if settings.is_loopback() && clock::arm() {
            tracing::warn!(now = %clock::now(), "the clock of this process may be set wrong");
        }
        if orders > 0 {
            tracing::warn!(orders, "crash points are armed");
        }
        let ways = (Http::new()?, Outbound::new(&config.outbound)?);
        let app = App::new(store, queue.clone(), ring, library, ways, settings);
        Ok(Self { app, queue, config: config.clone() })
    }

    /// Tells operators that everything is there.
    pub fn tell(&self, operators: &Operators) {
        let health = self.queue.health();
        app::observe::begin();
        operators.wired(&self.app, move || {
            let Ailment { trouble, warning } = workers::sickness(&health);
            Check::of("queue", trouble).warned(warning)
        });
    }

    /// Serves the API on a socket that is bound already, until `shutdown`.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(
        &self,
        public: TcpListener,
        operators: Operators,
        shutdown: CancellationToken,
    ) -> Result<(), Fault> {
        let served = server::serve(public, self.app.clone(), operators, shutdown).await;
        self.app.keys().flush().await;
        served
    }

    /// Works in the given roles until `shutdown`.
    ///
    /// # Errors
    /// When a role ends on its own.
    pub async fn work(&self, duties: &Duties, shutdown: CancellationToken) -> Result<(), Fault> {
        let (app, queue) = (self.app.clone(), self.queue.clone());
        let worked = workers::work(app, queue, &self.config.workers, duties, shutdown).await;
        self.app.keys().flush().await;
        worked
    }
}

/// Every role, on every platform that has an adapter.
pub fn all_duties() -> Duties {
    let with_adapter = platforms::ALL.iter().copied().filter(|p| p.adapter().is_some());
    Duties {
        roles: Role::ALL.to_vec(),
        platforms: with_adapter.map(|platform| platform.name().to_owned()).collect(),
    }
}

/// Brings the schema up to date, and says which steps that took.
///
/// # Errors
/// When Postgres cannot be reached or a migration fails.
pub async fn migrate(config: &Config) -> Result<Vec<String>, Fault> {
    Store::connect(&config.store).await?.migrate().await
}

/// The pauses while a part is away: short at first, for parts that start beside us.
const AWAY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Tries until a part is there, and says what keeps it away when that is news.
async fn until_there<T, Fut>(
    part: &'static str,
    operators: &Operators,
    is_away: impl Fn(&Fault) -> bool,
    connect: impl Fn() -> Fut,
) -> Result<T, Fault>
where
    Fut: Future<Output = Result<T, Fault>>,
{
    let (mut away, mut told) = (Duration::ZERO, String::new());
    operators.awaits(part, Some("it was not reached yet".to_owned()));
    loop {
        let fault = match connect().await {
            Ok(there) => {
                if !told.is_empty() {
                    tracing::info!(part, "it is there now");
                }
                operators.awaits(part, None);
                return Ok(there);
            }
            Err(fault) if is_away(&fault) => fault.to_string(),
            Err(fault) => return Err(fault),
        };
        if fault != told {
            tracing::warn!(fault, part, "waiting for a part of the fleet");
            operators.awaits(part, Some(fault.clone()));
            told = fault;
        }
        away = (away * 2).clamp(AWAY[0], AWAY[1]);
        clock::pause(away).await;
    }
}
