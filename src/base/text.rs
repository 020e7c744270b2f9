//! Text that came from outside, made fit for Postgres and for a log line.

/// Room for a platform's words; longer ones are cut.
pub const CHARS_MAX: usize = 2_000;

/// `text` on one line and without what Postgres refuses or a terminal obeys: NUL, other control
/// characters and the marks that turn the direction of writing. Cut after [`CHARS_MAX`] characters.
pub fn clean(text: &str) -> String {
    let mut chars = text.chars().filter_map(fit);
    let mut cleaned: String = chars.by_ref().take(CHARS_MAX).collect();
    if chars.next().is_some() {
        cleaned.push('…');
    }
    cleaned
}

fn fit(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_control() => None,
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_postgres_or_a_terminal_would_mind() {
        assert_eq!(clean("a\0b\u{1b}[31mc\nd\u{202e}e"), "ab[31mc de");
        assert_eq!(clean("grüße 🎉"), "grüße 🎉");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let cut = clean(&"ü".repeat(CHARS_MAX + 5));
        assert_eq!(cut.chars().count(), CHARS_MAX + 1);
        assert!(cut.ends_with('…'));
        assert_eq!(clean(&"ü".repeat(CHARS_MAX)).chars().count(), CHARS_MAX);
    }
}
