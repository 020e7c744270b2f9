//! The names of the inboxes in Redis, and what a producer may do with them.

/// What the name of every inbox begins with; the tenant's name follows.
const PREFIX: &str = "postfleet:inbox:";
/// The same in a Cluster: what is read and answered together lies in one slot, so with one node.
const PREFIX_IN_CLUSTER: &str = "{postfleet:inbox}:";
/// The longest name of a tenant with an inbox.
const NAME_MAX: usize = 64;

/// The names of the inboxes of one Redis.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    prefix: &'static str,
}

impl Keys {
    pub(crate) fn new(is_cluster: bool) -> Self {
        Self { prefix: if is_cluster { PREFIX_IN_CLUSTER } else { PREFIX } }
    }

    /// The stream that a tenant's apps add to.
    pub fn inbox(self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The stream that answers them.
    pub fn answers(self, name: &str) -> String {
        format!("{}{name}:results", self.prefix)
    }

    /// The tenant of an inbox.
    pub(crate) fn name(self, inbox: &str) -> Option<&str> {
        inbox.strip_prefix(self.prefix)
    }

    /// The command of an operator that lets `user` add to a tenant's inbox and read its answers,
    /// and do nothing else. `secret` is how Redis is told the password: `>` and the password, or
    /// `#` and its SHA-256.
    pub fn producer_rule(self, user: &str, secret: &str, name: &str) -> String {
        let (inbox, answers) = (self.inbox(name), self.answers(name));
        format!(
            "ACL SETUSER {user} reset on {secret} +ping %W~{inbox} +xadd \
             (%R~{answers} +xread +xrange +xrevrange)"
        )
    }
}

/// Can a tenant of this name have an inbox? Its name stands in keys and in rules of access, so it
/// has no colon, which would make it another's answers, and nothing that a pattern could mean.
pub fn can_have_inbox(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_tenant_makes_its_inbox_the_answers_of_another_or_a_pattern() {
        assert!(can_have_inbox("default") && can_have_inbox("acme-2.eu_west"));
        for name in ["", "a:results", "a*", "a b", "a?", "[a]", "ü", &"n".repeat(65)] {
            assert!(!can_have_inbox(name), "{name}");
        }
    }

    #[test]
    fn in_a_cluster_every_inbox_and_its_answers_have_one_hash_tag() {
        for (keys, prefix) in [(Keys::new(false), PREFIX), (Keys::new(true), "{postfleet:inbox}:")]
        {
            let names = [keys.inbox("a"), keys.answers("a"), keys.inbox("b")];
            assert!(names.iter().all(|name| name.starts_with(prefix)), "{names:?}");
            assert_eq!(keys.name(&names[2]), Some("b"));
        }
    }
}
