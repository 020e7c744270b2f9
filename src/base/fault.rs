//! What our own infrastructure did to us: Postgres, Redis, disk, a bug in data.

use std::fmt;

/// A fault of ours, with the story of what was being done. Logged once, where it ends.
pub struct Fault(anyhow::Error);

impl Fault {
    /// A fault that starts here.
    pub fn new(message: impl fmt::Display) -> Self {
        Self(anyhow::anyhow!("{message}"))
    }

    /// The same fault, with what was being done put before it.
    pub fn context(self, doing: impl fmt::Display + Send + Sync + 'static) -> Self {
        Self(self.0.context(doing))
    }

    /// The first error of this type in the chain of causes.
    pub fn find<E: std::error::Error + Send + Sync + 'static>(&self) -> Option<&E> {
        self.0.chain().find_map(|cause| cause.downcast_ref::<E>())
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

/// Says what was being done when something failed.
pub trait Context<T> {
    /// Turns the error into a [`Fault`] that begins with `doing`.
    ///
    /// # Errors
    /// The error it is called on, as a fault.
    fn context(self, doing: impl fmt::Display + Send + Sync + 'static) -> Result<T, Fault>;
}

impl<T, E: Into<Fault>> Context<T> for Result<T, E> {
    fn context(self, doing: impl fmt::Display + Send + Sync + 'static) -> Result<T, Fault> {
        self.map_err(|error| error.into().context(doing))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, doing: impl fmt::Display + Send + Sync + 'static) -> Result<T, Fault> {
        self.ok_or_else(|| Fault::new(doing))
    }
}
