//! Which schema the database has, which one this program was written for, and the way from the one
//! to the other.
//!
//! Invariant: the way leads forward only, and one process at a time goes it.

use crate::{Store, histories};
use base::{Context, Fault};
use sqlx::migrate::{AppliedMigration, Migrate, Migration, Migrator};
use sqlx::{PgConnection, Row};
use std::fmt;

static KNOWN: Migrator = sqlx::migrate!("../../migrations");
const TABLE: &str = "_sqlx_migrations";

/// Where a database stands beside this program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// Steps that this program needs and the database has not made.
    missing: Vec<String>,
    /// Steps that the database has made and this program does not know.
    unknown: Vec<i64>,
    /// The oldest program that the database works for: the last step that it has to know.
    works_from: Option<i64>,
    /// The last step that this program knows.
    known_to: i64,
}

impl Schema {
    /// Whether this program can work with it: every step that it knows was made, and those made
    /// since took nothing away that it needs.
    ///
    /// # Errors
    /// What stands against it, and the way out.
    pub fn fits(&self) -> Result<(), Fault> {
        if !self.missing.is_empty() {
            return Err(Fault::new(self));
        }
        match self.works_from {
            Some(from) if from > self.known_to => Err(Fault::new(self)),
            _ => Ok(()),
        }
    }

    /// The database is ahead of this program.
    pub fn is_newer(&self) -> bool {
        !self.unknown.is_empty()
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = number(self.known_to);
        if let (Some(first), Some(last)) = (self.missing.first(), self.missing.last()) {
            let count = self.missing.len();
            return write!(
                f,
                "the schema is older than this program, which was written for {own}: it lacks \
                 {count}, from {first} to {last}; run `postfleet migrate` of this version"
            );
        }
        match (self.unknown.last(), self.works_from) {
            (Some(last), Some(from)) if from > self.known_to => write!(
                f,
                "the schema is at {} and has dropped what this program needs, which knows it up to \
                 {own}: it works for programs from {} on; start a newer one",
                number(*last),
                number(from),
            ),
            (Some(last), _) => write!(
                f,
                "the schema is at {}, this program knows it up to {own}: nothing that it needs is \
                 gone",
                number(*last),
            ),
            (None, _) => write!(f, "the schema is at {own}"),
        }
    }
}

impl Store {
    /// Where the database stands beside this program.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn schema(&self) -> Result<Schema, Fault> {
        let mut db = self.pool.acquire().await?;
        let known = sqlx::query(
            "SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS has_steps,
                 to_regclass('schema_floor') IS NOT NULL AS has_floor",
        );
        let known = known.fetch_one(&mut *db).await?;
        let made: Vec<i64> = match known.try_get("has_steps")? {
            true => sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success"),
            false => sqlx::query_scalar("SELECT 0::bigint WHERE false"),
        }
        .fetch_all(&mut *db)
        .await?;
        let works_from = match known.try_get("has_floor")? {
            true => {
                sqlx::query_scalar("SELECT works_from FROM schema_floor").fetch_optional(&mut *db)
            }
            false => sqlx::query_scalar("SELECT 0::bigint WHERE false").fetch_optional(&mut *db),
        };
        Ok(compare(&made, works_from.await?))
    }

    /// Brings the schema up to date, and says which steps that took. Many processes may do so at
    /// once: one makes the steps, the others wait for it and find nothing left to do.
    ///
    /// # Errors
    /// When Postgres fails, when a step was edited after it was made, or when the database is ahead
    /// of this program: there is no way back.
    pub async fn migrate(&self) -> Result<Vec<String>, Fault> {
        let mut db = self.pool.acquire().await?;
        db.lock().await.context("waiting for the turn to migrate")?;
        let made = steps(&mut db).await;
        // The lock of a session ends with it at the latest.
        let freed = db.unlock().await.context("giving the turn to migrate back");
        let made = made?;
        freed?;
        // The connections of before the migration had nothing to compare with.
        histories::greet(&mut db).await.context("comparing histories")?;
        Ok(made)
    }
}

/// Makes the steps that are missing, each a transaction of its own.
async fn steps(db: &mut PgConnection) -> Result<Vec<String>, Fault> {
    db.ensure_migrations_table(TABLE).await.context("looking at the schema")?;
    let applied = db.list_applied_migrations(TABLE).await.context("looking at the schema")?;
    refuse(&applied)?;
    let mut made = Vec::new();
    for step in KNOWN.iter().filter(|step| applied.iter().all(|one| one.version != step.version)) {
        db.apply(TABLE, step).await.context(format!("migrating the schema, {}", name(step)))?;
        made.push(name(step));
    }
    if !made.is_empty() {
        // A table that a step made without thinking of it is behind the walls too.
        sqlx::query("SELECT hold_tenants_apart()")
            .execute(db)
            .await
            .context("raising the walls")?;
    }
    Ok(made)
}

/// Refuses to touch a database that was at other hands.
fn refuse(applied: &[AppliedMigration]) -> Result<(), Fault> {
    let known_to = known_to();
    let is_known = |one: &&AppliedMigration| KNOWN.version_exists(one.version);
    let unknown = applied.iter().filter(|one| !is_known(one)).map(|one| one.version);
    if let Some(last) = unknown.max() {
        let (last, own, is_newer) = (number(last), number(known_to), last > known_to);
        return Err(Fault::new(if is_newer {
            format!(
                "the schema is at {last}, and this program knows it up to {own}: a newer program \
                 made it, and there is no way back. Run that one, or restore a backup from before"
            )
        } else {
            format!(
                "the database has made the step {last}, which this program does not know though it \
                 knows later ones: it was built from other sources. Run the program that made it"
            )
        }));
    }
    for one in applied {
        let step = KNOWN.iter().find(|step| step.version == one.version);
        if let Some(step) = step.filter(|step| step.checksum != one.checksum) {
            let step = name(step);
            return Err(Fault::new(format!(
                "{step} was edited after it was made here; migrations are never edited: run the \
                 program that made it"
            )));
        }
    }
    Ok(())
}

fn compare(made: &[i64], works_from: Option<i64>) -> Schema {
    let missing = KNOWN.iter().filter(|step| !made.contains(&step.version)).map(name).collect();
    let mut unknown: Vec<i64> =
        made.iter().copied().filter(|version| !KNOWN.version_exists(*version)).collect();
    unknown.sort_unstable();
    Schema { missing, unknown, works_from, known_to: known_to() }
}

fn known_to() -> i64 {
    KNOWN.iter().map(|step| step.version).max().unwrap_or(0)
}

fn name(step: &Migration) -> String {
    format!("{} {}", number(step.version), step.description)
}

fn number(version: i64) -> String {
    format!("{version:04}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<i64> {
        KNOWN.iter().map(|step| step.version).collect()
    }

    // case: U-older
    #[test]
    fn a_schema_that_lacks_a_step_is_refused_by_name() {
        assert!(compare(&all(), Some(1)).fits().is_ok());
        let short = &all()[..all().len() - 1];
        let refused = compare(short, None).fits().unwrap_err().to_string();
        let last = name(KNOWN.iter().last().unwrap());
        assert!(refused.contains(&last) && refused.contains("postfleet migrate"), "{refused}");
        let empty = compare(&[], None).fits().unwrap_err().to_string();
        assert!(empty.contains("0001 create tenants"), "{empty}");
    }

    // case: U-newer
    #[test]
    fn a_newer_schema_is_worked_with_until_it_says_for_whom_it_works() {
        let mut made = all();
        made.push(9_999);
        let ahead = compare(&made, Some(known_to()));
        assert!(ahead.fits().is_ok() && ahead.is_newer());
        let gone = compare(&made, Some(9_999)).fits().unwrap_err().to_string();
        assert!(gone.contains("9999") && gone.contains("start a newer one"), "{gone}");
    }

    // case: U-downgrade
    #[test]
    fn steps_of_others_and_edited_ones_are_refused() {
        let applied = |version, checksum: &[u8]| AppliedMigration {
            version,
            checksum: checksum.to_vec().into(),
        };
        let mine: Vec<_> = KNOWN.iter().map(|s| applied(s.version, &s.checksum)).collect();
        assert!(refuse(&mine).is_ok());
        let told = |one| refuse(&[one]).unwrap_err().to_string();
        assert!(told(applied(9_999, &[])).contains("no way back"));
        assert!(told(applied(0, &[])).contains("other sources"));
        assert!(told(applied(1, &[7])).contains("edited"));
    }
}
