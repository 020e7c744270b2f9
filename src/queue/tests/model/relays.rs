//! What the simulated relays and the sweep do: tell Redis what Postgres owes.

use super::fleet::Fleet;
use super::layout::{Identity, Wakeup};
use super::shard::Kept;

/// The relay looks this far ahead.
const HORIZON_MS: i64 = 60_000;
/// Jobs of one push of the relay: few, so that its cursor stops on the way.
const BATCH: usize = 2;

impl Fleet<'_> {
    /// One look of a relay: adopts an unknown Redis, else pushes what comes next. True: it is
    /// worth looking again.
    pub fn relay(&mut self) -> Kept<bool> {
        let Some(from) = self.cursor()? else {
            self.adopt()?;
            return Ok(true);
        };
        let next = self.next_after(&from);
        if next.is_empty() {
            return Ok(false);
        }
        self.relay_push(&from, &next)?;
        Ok(true)
    }

    pub fn cursor(&mut self) -> Kept<Option<Identity>> {
        let (run_id, replid) = self.server_id();
        let known = self.shard.identity.filter(|_| self.shard.is_known(run_id, replid));
        let read = self.server.cursor();
        if read != known.map(|told| (told.incarnation, told.due, told.subject)) {
            return Err(format!("the cursor is {read:?} instead of {known:?}"));
        }
        Ok(known)
    }

    pub fn next_after(&self, from: &Identity) -> Vec<Wakeup> {
        let horizon = self.truth.now + HORIZON_MS;
        let owed = self.truth.owed().into_iter();
        owed.filter(|job| (job.due, job.id) > (from.due, from.subject) && job.due <= horizon)
            .take(BATCH)
            .collect()
    }

    pub fn relay_push(&mut self, from: &Identity, next: &[Wakeup]) -> Kept {
        let (run_id, replid) = self.server_id();
        let told = match self.shard.identity {
            Some(told) if (told.run_id, told.replid) == (run_id, replid) => {
                let place = |at: &Identity| (at.incarnation, at.due, at.subject);
                if place(&told) == place(from) { "advanced" } else { "moved" }
            }
            _ => "unknown",
        };
        let reply = self.server.relay(from, next);
        self.tell(format_args!("relay pushes {next:?}: {reply}"));
        self.note("relayed too late", usize::from(reply == "moved"));
        if reply != told {
            return Err(format!("a relay's push is `{reply}` instead of `{told}`"));
        }
        if let (Some(identity), Some(last)) = (&mut self.shard.identity, next.last())
            && reply == "advanced"
        {
            (identity.due, identity.subject) = (last.due, last.id);
            next.iter().for_each(|wakeup| self.shard.push(wakeup));
        }
        Ok(())
    }

    /// Gates first, then the new incarnation.
    fn adopt(&mut self) -> Kept {
        let incarnation = self.truth.draw_incarnation();
        for (scope, gate) in &mut self.truth.gates {
            gate.is_told = true;
            self.server.close(scope, gate.until);
            self.shard.close(scope, gate.until);
        }
        let (run_id, replid) = self.server_id();
        let adopted = self.server.adopt(incarnation);
        self.tell(format_args!("incarnation {incarnation} is adopted: {adopted}"));
        self.note("adopted", 1);
        let identity = Identity { incarnation, due: 0, subject: 0, run_id, replid };
        if adopted != self.shard.adopt(identity, self.server.now_ms()) {
            return Err(format!("adopting ends with {adopted}"));
        }
        Ok(())
    }

    /// Pushes what is overdue or was armed in the last minute.
    pub fn sweep(&mut self) {
        let now = self.truth.now;
        let is_near = |job: &Wakeup| {
            let armed = self.truth.rows[&job.id].armed_at > now - 60_000;
            job.due < now - 5_000 || armed && job.due <= now + HORIZON_MS
        };
        let jobs: Vec<Wakeup> = self.truth.owed().into_iter().filter(is_near).collect();
        self.tell(format_args!("sweep pushes {jobs:?}"));
        if !jobs.is_empty() {
            self.push(&jobs);
        }
    }
}
