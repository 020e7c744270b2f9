//! Pieces of HTML that cannot be put together unescaped.
//!
//! Invariant: the templates are constants of this program, and whatever is put into them is
//! escaped, so nothing that comes from outside is ever markup.

/// HTML that is safe to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Markup(String);

impl Markup {
    /// A template, with each `{}` in it replaced by the next of the values, as text.
    pub fn of(template: &'static str, values: &[&str]) -> Self {
        Self::default().with(template, values)
    }

    /// The same markup with a template behind it.
    pub fn with(mut self, template: &'static str, values: &[&str]) -> Self {
        let mut values = values.iter();
        let mut pieces = template.split("{}");
        self.0.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            escape(values.next().copied().unwrap_or_default(), &mut self.0);
            self.0.push_str(piece);
        }
        debug_assert!(values.next().is_none(), "more values than places in {template:?}");
        self
    }

    /// The same markup with another one behind it.
    pub fn then(mut self, other: &Self) -> Self {
        self.0.push_str(&other.0);
        self
    }

    /// All of these, one behind the other.
    pub fn all(pieces: impl IntoIterator<Item = Self>) -> Self {
        pieces.into_iter().fold(Self::default(), |all, piece| all.then(&piece))
    }

    /// As it goes out.
    pub fn into_string(self) -> String {
        self.0
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_text_and_never_markup() {
        let evil = "<script>alert('1')</script>\"&";
        let markup = Markup::of("<a title=\"{}\">{}</a>", &[evil, evil]).into_string();
        let escaped = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;";
        assert_eq!(markup, format!("<a title=\"{escaped}\">{escaped}</a>"));
    }

    #[test]
    fn pieces_stand_in_order() {
        let list = ["{}", "a"].map(|name| Markup::of("<li>{}</li>", &[name]));
        let markup = Markup::of("<ul>", &[]).then(&Markup::all(list)).with("</ul>", &[]);
        assert_eq!(markup.into_string(), "<ul><li>{}</li><li>a</li></ul>");
    }
}
