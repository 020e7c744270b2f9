//! A connection to whoever leads: one server, the master behind Sentinels, a node of a Cluster.
//!
//! Invariant: a command whose reply was lost is never sent again, for it may have been a claim.
//! Only what a server refused without doing it (another has the slot, it is a replica) is asked
//! again.
//! The library's own connection to a Cluster repeats both, so it is not used.

use crate::place::{Kind, Place};
use base::clock;
use futures::FutureExt;
use redis::aio::{
    ConnectionLike, ConnectionManager, ConnectionManagerConfig, MultiplexedConnection,
};
use redis::{
    Arg, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult, ServerErrorKind,
    Value,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Between two tries of what a server refused.
const PAUSE: Duration = Duration::from_millis(20);

/// A cheap handle; clones share a connection.
#[derive(Clone)]
pub(crate) enum Link {
    /// To one server; it mends itself.
    Single(ConnectionManager),
    /// The same for one reader alone, ended by its first fault.
    Plain(MultiplexedConnection),
    /// To whoever leads.
    Led(Arc<Led>),
}

impl Link {
    /// A link that outlives its server. `key` says whose node of a Cluster it is.
    pub(crate) async fn lasting(
        place: &Arc<Place>,
        key: &str,
        within: Duration,
    ) -> RedisResult<Self> {
        if place.kind != Kind::Single {
            return Ok(Self::led(place, key, within));
        }
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(within))
            .set_connection_timeout(Some(within))
            .set_number_of_retries(2)
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(500));
        ConnectionManager::new_with_config(place.single()?, config).await.map(Self::Single)
    }

    /// A link for one reader, whose answers may take so long.
    pub(crate) async fn brief(
        place: &Arc<Place>,
        key: &str,
        within: Duration,
    ) -> RedisResult<Self> {
        if place.kind != Kind::Single {
            return Ok(Self::led(place, key, within));
        }
        place.connect_for(&place.single()?, within).await.map(Self::Plain)
    }

    fn led(place: &Arc<Place>, key: &str, within: Duration) -> Self {
        let (place, key) = (place.clone(), key.to_owned());
        let (current, asked) = (Mutex::default(), Mutex::default());
        Self::Led(Arc::new(Led { place, key, within, current, asked }))
    }
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd),
            Self::Plain(connection) => connection.req_packed_command(cmd),
            Self::Led(led) => led.command(cmd).boxed(),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Plain(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Led(led) => led.commands(pipeline, offset, count).boxed(),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Plain(connection) => connection.get_db(),
            Self::Led(_) => 0,
        }
    }
}

/// The way to a server that others may take the place of.
pub(crate) struct Led {
    place: Arc<Place>,
    /// Its slot is the one that is led.
    key: String,
    /// How long an answer may take, and how long what is refused is asked for again.
    within: Duration,
    current: Mutex<Current>,
    /// The node that takes over the slot at the moment, by its address. A command there is two,
    /// so nobody else's may come between them.
    asked: Mutex<Option<(String, MultiplexedConnection)>>,
}

#[derive(Default)]
struct Current {
    /// Counts leaders, so that a late fault of one does not end the link to the next.
    number: u64,
    found: Option<(MultiplexedConnection, Client)>,
    /// When nobody was found last; who has waited meanwhile does not look again.
    failed: Option<(Instant, RedisError)>,
}

impl Led {
    async fn command(&self, cmd: &Cmd) -> RedisResult<Value> {
        let since = clock::stopwatch();
        loop {
            let (number, mut connection, client) = self.connection().await?;
            let asked = connection.req_packed_command(cmd).await.and_then(Value::extract_error);
            let error = match asked {
                Ok(value) if is_load(cmd) => {
                    self.load_there(cmd).await;
                    return Ok(value);
                }
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let error = match error.kind() {
                ErrorKind::Server(ServerErrorKind::Ask) => {
                    match self.ask_there(&error, &client, cmd).await {
                        Err(error) if is_refusal(&error) => error,
                        answer => return answer,
                    }
                }
                _ => {
                    self.heed(number, &error, &client).await;
                    error
                }
            };
            if !is_refusal(&error) || since.elapsed() > self.within {
                return Err(error);
            }
            clock::pause(PAUSE).await;
        }
    }

    async fn commands(
        &self,
        pipeline: &Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        let (number, mut connection, client) = self.connection().await?;
        let answer = connection.req_packed_commands(pipeline, offset, count).await;
        // Whoever asks sees what was refused, and asks again; then the right node.
        let error = match &answer {
            Err(error) => Some(error.clone()),
            Ok(values) => values.iter().find_map(|value| match value {
                Value::ServerError(error) => Some(error.clone().into()),
                _ => None,
            }),
        };
        if let Some(error) = error {
            self.heed(number, &error, &client).await;
        }
        answer
    }

    /// The connection to the leader, found if nobody is known.
    async fn connection(&self) -> RedisResult<(u64, MultiplexedConnection, Client)> {
        let asked = clock::stopwatch();
        let mut current = self.current.lock().await;
        if let Some((connection, client)) = &current.found {
            return Ok((current.number, connection.clone(), client.clone()));
        }
        if let Some((failed, error)) = &current.failed
            && *failed >= asked
        {
            return Err(error.clone());
        }
        let found = match tokio::time::timeout(self.within, self.place.lead(&self.key, self.within))
            .await
        {
            Ok(found) => found,
            Err(_) => Err((ErrorKind::Io, "no leader of Redis was found in time").into()),
        };
        match found {
            Ok((connection, client)) => {
                current.number += 1;
                current.found = Some((connection.clone(), client.clone()));
                Ok((current.number, connection, client))
            }
            Err(error) => {
                current.failed = Some((clock::stopwatch(), error.clone()));
                Err(error)
            }
        }
    }

    /// What an error tells of who leads.
    async fn heed(&self, number: u64, error: &RedisError, asked: &Client) {
        let next = match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved) => match error.redirect_node() {
                Some((address, _)) => self.place.at(address, asked, self.within).await.ok(),
                None => None,
            },
            ErrorKind::Server(
                ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly,
            )
            | ErrorKind::Io => None,
            _ => return,
        };
        let mut current = self.current.lock().await;
        if current.number == number {
            current.number += 1;
            if let Some((_, client)) = &next {
                self.place.note_leader(&self.key, client);
            }
            current.found = next;
        }
    }

    /// Asks the node that takes over the slot, in this case only.
    async fn ask_there(&self, error: &RedisError, from: &Client, cmd: &Cmd) -> RedisResult<Value> {
        let Some((address, _)) = error.redirect_node() else { return Err(error.clone()) };
        let mut asked = self.asked.lock().await;
        if asked.as_ref().is_none_or(|(known, _)| known != address) {
            let (connection, _) = self.place.at(address, from, self.within).await?;
            *asked = Some((address.to_owned(), connection));
        }
        let Some((_, connection)) = asked.as_mut() else { return Err(error.clone()) };
        let answer = async {
            redis::cmd("ASKING").exec_async(connection).await?;
            connection.req_packed_command(cmd).await?.extract_error()
        };
        let answer = answer.await;
        if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Io) {
            *asked = None;
        }
        answer
    }

    /// A script that is loaded is loaded at the node that takes over the slot too. When that fails,
    /// it is asked for again there.
    async fn load_there(&self, cmd: &Cmd) {
        if let Some((_, connection)) = self.asked.lock().await.as_mut() {
            let _ = connection.req_packed_command(cmd).await;
        }
    }
}

/// The server did nothing: another one is to be asked, or the same one later.
pub(crate) fn is_refusal(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, MasterDown, Moved, ReadOnly, TryAgain};
    match error.kind() {
        ErrorKind::Server(kind) => {
            matches!(kind, Ask | ClusterDown | MasterDown | Moved | ReadOnly | TryAgain)
        }
        _ => false,
    }
}

fn is_load(cmd: &Cmd) -> bool {
    let name = cmd.args_iter().next();
    matches!(name, Some(Arg::Simple(name)) if name.eq_ignore_ascii_case(b"SCRIPT"))
}
