//! Processes beside a fleet that are made to die or to stand still: the dead are replaced, and as
//! many are at work as are wanted, however many stand still.

use super::servers::signal;
use crate::support::Fleet;
use crate::support::worker::Worker;
use std::os::unix::process::ExitStatusExt;

/// One job of each kind at a time in a process, so that a death is nobody's but its cell's.
const SMALL: [(&str, &str); 3] = [
    ("POSTFLEET__WORKERS__PUBLISH_CONCURRENCY", "1"),
    ("POSTFLEET__WORKERS__RECONCILE_CONCURRENCY", "1"),
    ("POSTFLEET__WORKERS__FAN_OUT_CONCURRENCY", "1"),
];
const CONNECTIONS: &str = "POSTFLEET__STORE__CONNECTIONS_MAX";
/// So many processes publish.
const PUBLISHERS: usize = 8;
/// What `abort` ends with.
const SIGABRT: i32 = 6;

/// What a process of the crew does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// Tells Redis what is owed, and sweeps.
    Clock,
    /// Tells Redis what is owed, until it dies of it; nobody follows.
    Relay,
    FanOut,
    /// Publishes on a platform, and looks up what became of any call.
    Publish(&'static str),
    /// A front door that was started elsewhere.
    Door,
}

impl Duty {
    fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Clock => vec!["work", "--roles", "relay,sweep"],
            Self::Relay => vec!["work", "--roles", "relay"],
            Self::FanOut => vec!["work", "--roles", "fan-out"],
            Self::Publish(platform) => {
                vec!["work", "--roles", "publish,reconcile", "--platforms", platform]
            }
            Self::Door => vec!["serve"],
        }
    }

    /// Few connections, for there are many processes.
    const fn connections(self) -> &'static str {
        match self {
            Self::Publish(_) | Self::FanOut => "1",
            Self::Clock | Self::Relay => "2",
            Self::Door => "4",
        }
    }
}

/// The processes.
pub(super) struct Crew<'f> {
    fleet: &'f Fleet,
    /// The crash orders that every one of them is given.
    environment: Vec<(String, String)>,
    members: Vec<Member>,
    /// So many of each duty are at work.
    wanted: Vec<(Duty, usize)>,
    /// The processes that died.
    pub deaths: Vec<u32>,
}

struct Member {
    duty: Duty,
    pid: u32,
    worker: Worker,
    stands: bool,
}

impl<'f> Crew<'f> {
    /// A crew without anybody, which is to publish on these platforms.
    pub fn new(fleet: &'f Fleet, platforms: &[&'static str]) -> Self {
        let each = PUBLISHERS / platforms.len();
        let mut wanted = vec![(Duty::Clock, 1), (Duty::FanOut, 6)];
        wanted.extend(platforms.iter().map(|platform| (Duty::Publish(platform), each)));
        Self { fleet, environment: Vec::new(), members: Vec::new(), wanted, deaths: Vec::new() }
    }

    /// Gives everybody who starts from now on these orders.
    pub fn arm(&mut self, orders: &str, folder: &str) {
        let named = [("POSTFLEET_CRASH_AT", orders), ("POSTFLEET_CRASH_DIR", folder)];
        self.environment = named.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    }

    /// The environment of a process with this duty.
    pub fn environment(&self, duty: Duty) -> Vec<(&str, &str)> {
        let own = self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let connections = (CONNECTIONS, duty.connections());
        SMALL.into_iter().chain([connections]).chain(own).collect()
    }

    /// Starts a process.
    pub fn start(&mut self, duty: Duty) {
        let kind = format!("{duty:?}").replace(['(', ')', '"'], "-");
        let name = format!("{kind}{}", self.members.len() + self.deaths.len());
        let arguments = duty.arguments();
        let worker = Worker::start_as(self.fleet, &name, &arguments, &self.environment(duty));
        self.adopt(duty, worker);
    }

    /// Takes in a process that was started elsewhere.
    pub fn adopt(&mut self, duty: Duty, worker: Worker) {
        self.members.push(Member { duty, pid: worker.pid(), worker, stands: false });
    }

    /// Ends every process of a duty.
    pub fn dismiss(&mut self, duty: Duty) {
        self.members.retain(|member| member.duty != duty);
    }

    /// Ends every process.
    pub fn dismiss_all(&mut self) {
        self.members.clear();
    }

    /// Buries the dead and fills the ranks.
    pub fn tend(&mut self) {
        for member in &mut self.members {
            let Some(status) = member.worker.ended() else { continue };
            let log = member.worker.log();
            assert_eq!(status.signal(), Some(SIGABRT), "nobody ordered this: {status}\n{log}");
            self.deaths.push(member.pid);
        }
        self.members.retain(|member| !self.deaths.contains(&member.pid));
        for (duty, wanted) in self.wanted.clone() {
            let is_at_work = |member: &&Member| member.duty == duty && !member.stands;
            let at_work = self.members.iter().filter(is_at_work).count();
            (at_work..wanted).for_each(|_| self.start(duty));
        }
    }

    /// A process stands still; another one takes its place.
    pub fn stands(&mut self, pid: u32) {
        self.member(pid).stands = true;
    }

    /// A process that stands still goes on.
    pub fn go_on(&mut self, pid: u32) {
        let member = self.member(pid);
        member.stands = false;
        signal("CONT", pid);
    }

    /// What a process has said.
    pub fn log(&mut self, pid: u32) -> String {
        self.member(pid).worker.log()
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    fn member(&mut self, pid: u32) -> &mut Member {
        let found = self.members.iter_mut().find(|member| member.pid == pid);
        found.expect("a process that passed an order is one of the crew")
    }
}
