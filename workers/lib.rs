//! Translates jobs to verbs and obeys decisions.
