//! The position of a delivery, and how it moves.
//!
//! Invariant: a container whose publication was refused is looked at before it is given up for a
//! new one.

use super::{
    CONTAINER_LIFE, Container, FIND_AFTER, FIND_LOOKS_MAX, LOOKS_MAX, NOT_READY_MAX,
    NOT_READY_WAIT, Position, REFUSALS_MAX, RENEWALS_MAX, Stage, Stored, containers, upload,
};
use crate::instagram::wire::{Made, Posts, Status};
use crate::instagram::{VISIBILITY_DELAY, errors};
use crate::meta;
use crate::port::{Checkpoint, View};
use domain::failure::Failure;
use domain::time::Timestamp;
use serde_json::Value;
use std::time::Duration;

impl Position {
    /// A delivery that nothing is left of but the number of its beginnings.
    pub fn fresh(renewals: u32) -> Self {
        let (items, own, stage) = (Vec::new(), None, Stage::Create);
        Self { items, finished: 0, own, refusals: 0, renewals, stage }
    }

    /// Reads a checkpoint. One that is not ours must never be taken for a fresh delivery: that
    /// would publish again what is out.
    pub fn load(at: &Checkpoint) -> Self {
        match serde_json::from_value(at.0.clone()) {
            Ok(Stored::V1(position)) => position,
            Err(refused) => {
                panic!("a checkpoint of Instagram is readable by every later version: {refused}")
            }
        }
    }

    /// The checkpoint to store.
    pub fn save(self) -> Checkpoint {
        // Strings, numbers and instants always serialize.
        Checkpoint(serde_json::to_value(Stored::V1(self)).unwrap_or(Value::Null))
    }

    /// Everything anew, with new containers.
    pub fn renewed(self) -> Self {
        Self::fresh(self.renewals.saturating_add(1))
    }

    /// Everything anew, as if for the first time.
    pub fn again(self) -> Self {
        Self::fresh(0)
    }

    /// What comes in the place of a container that is of no use any more. Where its publication
    /// was refused, the list is looked at first, for it could be out in spite of that.
    pub fn replaced(self, anew: fn(Self) -> Self, view: &View<'_>) -> Self {
        if self.refusals == 0 || view.intended_at.is_none() {
            return anew(self);
        }
        Self { stage: Stage::Seek { look_at: view.now + VISIBILITY_DELAY }, ..self }
    }

    /// The position after the list was looked at for a post whose publication was refused.
    pub fn seek(self, posts: &Posts, view: &View<'_>) -> Result<Self, Failure> {
        let unknown = |detail: &str| Err(Failure::Unknown { detail: detail.into() });
        if posts.found(view).next().is_some() {
            return unknown("its publication was refused, and the list shows a post like it");
        }
        let is_whole = posts.paging.next.is_none()
            || view.intended_at.is_some_and(|intended_at| posts.reaches_back(intended_at));
        if is_whole {
            return Ok(self.renewed());
        }
        unknown("its publication was refused, and the list does not reach back to it")
    }

    /// The container of the post itself, once there is one.
    pub fn own(&self) -> Option<&Container> {
        self.own.as_ref()
    }

    /// It is out, and its id is looked for.
    pub fn find(&mut self, now: Timestamp) {
        self.stage = Stage::Find { looks: 0, look_at: now };
    }

    /// The oldest container that counts, when it is too old.
    pub fn aged(&self, now: Timestamp) -> Option<&Container> {
        let oldest = self.own.as_ref().or(self.items.first());
        oldest.filter(|container| now.since(container.made_at) >= CONTAINER_LIFE)
    }

    /// Every container is still to be relied upon then.
    pub fn outlives(&self, until: Timestamp) -> bool {
        let lasts = |container: &Container| until.since(container.made_at) < CONTAINER_LIFE;
        self.items.iter().chain(&self.own).all(lasts)
    }

    /// The container that is waited for.
    pub fn checked(&self) -> Option<&Container> {
        self.own.as_ref().or_else(|| self.items.get(self.finished))
    }

    /// The container that was made last.
    pub fn newest(&self) -> Option<&Container> {
        self.own.as_ref().or(self.items.last())
    }

    /// The file of the container that was made last, where it has one alone.
    pub fn newest_asset(&self) -> usize {
        match self.own {
            Some(_) => 0,
            None => self.items.len().saturating_sub(1),
        }
    }

    /// There are posts left of the day.
    pub fn begin(&mut self) {
        self.stage = match self.own {
            Some(_) => Stage::Publish { search: None },
            None => Stage::Create,
        };
    }

    /// A container was made.
    pub fn make(&mut self, made: Made, now: Timestamp, view: &View<'_>) {
        let Made { id, uri } = made;
        let (items, container) = (containers::items(view), Container { id, made_at: now, uri });
        let is_sent = if self.items.len() < items {
            self.items.push(container);
            upload::is_sent(self.newest_asset(), view)
        } else {
            self.own = Some(container);
            items == 0 && upload::is_sent(0, view)
        };
        if is_sent {
            self.stage = Stage::Upload { offset: 0, tries: 0 };
        } else {
            self.go_on(now, view);
        }
    }

    /// The newest container has what it needs. All items are made before the first is waited for,
    /// so that they are processed together.
    pub fn go_on(&mut self, now: Timestamp, view: &View<'_>) {
        let is_last = self.own.is_some() || self.items.len() == containers::items(view);
        self.stage = if is_last { Stage::Check { looks: 0, look_at: now } } else { Stage::Create };
    }

    /// The position after the newest container told how much of its film it has.
    pub fn arrive(
        mut self,
        told: &Status,
        now: Timestamp,
        view: &View<'_>,
    ) -> Result<Self, Failure> {
        let Stage::Arrived { offset, tries } = self.stage else {
            return self.look(told, now, view);
        };
        match told.status_code.as_str() {
            "FINISHED" => self.go_on(now, view),
            "IN_PROGRESS" if self.aged(now).is_none() => {
                match upload::arrived(told, upload::size(&self, view)) {
                    upload::Arrived::Whole => self.go_on(now, view),
                    upload::Arrived::Part(bytes) if bytes > offset => {
                        self.stage = Stage::Upload { offset: bytes, tries: 0 };
                    }
                    upload::Arrived::Part(bytes) if tries < upload::TRIES_MAX => {
                        self.stage = Stage::Upload { offset: bytes, tries };
                    }
                    upload::Arrived::Part(_) => {
                        return Err(meta::gone("nothing more of its film arrives"));
                    }
                    upload::Arrived::Untold => {
                        return Err(meta::gone("it does not tell how much of its film it has"));
                    }
                }
            }
            _ => return self.look(told, now, view),
        }
        Ok(self)
    }

    /// The position after a container told its state.
    pub fn look(mut self, told: &Status, now: Timestamp, view: &View<'_>) -> Result<Self, Failure> {
        let code = told.status_code.as_str();
        if code == "PUBLISHED" && self.own.is_some() {
            self.find(now);
            return Ok(self);
        }
        if self.refusals >= REFUSALS_MAX || self.aged(now).is_some() {
            let is_waiting = ["FINISHED", "IN_PROGRESS"].contains(&code);
            // One that waits to be published still is not out.
            return Ok(if is_waiting {
                self.renewed()
            } else {
                self.replaced(Self::renewed, view)
            });
        }
        match code {
            "FINISHED" | "PUBLISHED" => self.advance(now),
            "IN_PROGRESS" => {
                let looks = match self.stage {
                    Stage::Check { looks, .. } => looks,
                    _ => 0,
                };
                if looks >= LOOKS_MAX {
                    return Err(meta::gone("it was in processing for a quarter of an hour"));
                }
                let look_at = now + meta::check_after(looks);
                self.stage = Stage::Check { looks: looks.saturating_add(1), look_at };
            }
            "ERROR" => {
                let is_last = self.renewals >= RENEWALS_MAX;
                return Err(errors::container_failure(
                    &told.status,
                    (self.asset(view), is_last),
                    now,
                ));
            }
            "EXPIRED" => return Err(meta::gone("it is expired")),
            _ => return Err(meta::gone("its state is none of those documented")),
        }
        Ok(self)
    }

    /// The container that was waited for is ready.
    fn advance(&mut self, now: Timestamp) {
        self.stage = if self.own.is_some() {
            Stage::Publish { search: None }
        } else {
            self.finished += 1;
            match self.items.get(self.finished) {
                Some(_) => Stage::Check { looks: 0, look_at: now },
                None => Stage::Create,
            }
        };
    }

    /// The file of the container that was waited for, where it has one alone.
    fn asset(&self, view: &View<'_>) -> Option<usize> {
        match self.own {
            None if matches!(self.stage, Stage::Arrived { .. }) => Some(self.newest_asset()),
            None => Some(self.finished),
            Some(_) => (view.assets.len() == 1).then_some(0),
        }
    }

    /// The container is looked at before anything else is done about a refused publication.
    pub fn look_before(&mut self, refusals: u32, look_at: Timestamp) {
        self.refusals = refusals;
        self.stage = Stage::Check { looks: 0, look_at };
    }

    /// Instagram does not see its own containers yet: wait, or replace them when that lasts.
    pub fn wait_for_containers(mut self, view: &View<'_>) -> Self {
        let Some(oldest) = self.own.as_ref().or(self.items.first()) else {
            return self;
        };
        if view.now.since(oldest.made_at) > NOT_READY_MAX {
            return self.replaced(Self::renewed, view);
        }
        if self.items.len() == self.finished || self.own.is_some() {
            self.finished = 0;
            self.stage = Stage::Check { looks: 0, look_at: view.now + NOT_READY_WAIT };
        }
        self
    }

    /// The list did not show the post yet.
    pub fn look_again(&mut self, looks: u32, now: Timestamp) {
        let at = usize::try_from(looks).unwrap_or(usize::MAX);
        let [.., last] = FIND_AFTER;
        let wait = FIND_AFTER.get(at).copied().unwrap_or(last);
        if looks + 1 >= FIND_LOOKS_MAX {
            self.give_up_finding();
        } else {
            let look_at = now + Duration::from_secs(wait);
            self.stage = Stage::Find { looks: looks + 1, look_at };
        }
    }

    /// That it is out is proven by its container. Where the id cannot be found, the container's
    /// stands for it, with a link to the account.
    pub fn give_up_finding(&mut self) {
        let remote_id = self.own.as_ref().map_or_else(String::new, |own| own.id.clone());
        self.stage = Stage::Done { remote_id, permalink: None };
    }
}

impl Container {
    /// Instagram's id of it.
    pub fn id(&self) -> &str {
        &self.id
    }
}
