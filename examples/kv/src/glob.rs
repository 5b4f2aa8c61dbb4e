//! Patterns as in KEYS and SCAN: `*`, `?`, `[abc]`, `[^a-z]` and `\` before a literal character.

/// Whether the whole text matches the pattern. Takes at most pattern times text steps: after a
/// mismatch only the last `*` is tried again, which is enough.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut rest, mut left) = (pattern, text);
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', after @ ..] = rest {
            star = Some((after, left));
            rest = after;
            continue;
        }
        let step = match left {
            [] if rest.is_empty() => return true,
            [] => return false,
            [byte, more @ ..] => one(rest, *byte).map(|after| (after, more)),
        };
        match (step, star) {
            (Some((after, more)), _) => (rest, left) = (after, more),
            (None, Some((after, [_, more @ ..]))) => {
                star = Some((after, more));
                (rest, left) = (after, more);
            }
            (None, _) => return false,
        }
    }
}

/// Matches one byte against the head of a pattern that does not begin with `*`; returns the
/// pattern behind it.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', after @ ..] => Some(after),
        [b'[', after @ ..] => class(after, byte),
        [b'\\', literal, after @ ..] => (*literal == byte).then_some(after),
        [literal, after @ ..] => (*literal == byte).then_some(after),
    }
}

/// Matches one byte against a class whose `[` was taken; one that is not closed ends with the
/// pattern.
fn class(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (negated, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut found = false;
    loop {
        rest = match rest {
            [] => return (found != negated).then_some(rest),
            [b']', after @ ..] => return (found != negated).then_some(after),
            [b'\\', literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
            [low, b'-', high, after @ ..] => {
                found |= (*low.min(high)..=*low.max(high)).contains(&byte);
                after
            }
            [literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_redis_has_it() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h*llo", "heeeello", true),
            ("h*llo", "hell", false),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hbllo", true),
            (r"\*", "*", true),
            (r"\*", "x", false),
            (r"a\", r"a\", true),
            ("[a", "a", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-", false),
            ("**", "anything", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_exponential_time() {
        let pattern = b"*a".repeat(200);
        let text = b"a".repeat(1_000);
        assert!(matches(&pattern, &text));
        let pattern = [&pattern[..], b"b"].concat();
        assert!(!matches(&pattern, &text));
    }
}
