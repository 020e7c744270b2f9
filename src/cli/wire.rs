//! Wires the crates together: the only place that knows all of them.

use crate::config::Config;
use app::App;
use app::settings::Settings;
use base::http::Http;
use base::mail::Mailer;
use base::outbound::Outbound;
use base::{Fault, clock, crash, telemetry};
use media::Library;
use queue::Queue;
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
        let queue = Queue::connect(&config.queue).await?.with_inbox(&config.inbox)?;
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

    /// Serves HTTP on sockets that are bound already, until `shutdown`.
    ///
    /// # Errors
    /// When a socket fails.
    pub async fn serve(
        &self,
        public: TcpListener,
        private: TcpListener,
        metrics: telemetry::Metrics,
        shutdown: CancellationToken,
    ) -> Result<(), Fault> {
        let health = self.queue.health();
        let sickness = move || workers::sickness(&health);
        let render = move || metrics.render();
        let app = self.app.clone();
        let served = server::serve_on(public, private, app, render, sickness, shutdown).await;
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

/// Brings the schema up to date.
///
/// # Errors
/// When Postgres cannot be reached or a migration fails.
pub async fn migrate(config: &Config) -> Result<(), Fault> {
    Store::connect(&config.store).await?.migrate().await
}
