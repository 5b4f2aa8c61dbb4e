//! A choice among kinds of traitors.

use crate::random::Random;

/// Which kinds of traitors seeds may draw: all that there are, or some by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    known: &'static [&'static str],
    /// A bit for each of them; 0 if none was chosen, and so all are.
    chosen: u64,
}

impl Kinds {
    /// All of these, 64 at most.
    pub(crate) const fn all(known: &'static [&'static str]) -> Self {
        assert!(known.len() <= 64);
        Self { known, chosen: 0 }
    }

    /// Those of these names only; all if there are no names.
    ///
    /// # Errors
    /// A name that is not known; the text lists those that are.
    pub fn only<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut chosen = 0;
        for name in names {
            let Some(at) = self.known.iter().position(|known| *known == name) else {
                return Err(format!("no traitor `{name}`; there are: {}", self.known.join(", ")));
            };
            chosen |= 1 << at;
        }
        Ok(Self { chosen, ..self })
    }

    /// Whether seeds may draw some kinds only.
    #[must_use]
    pub const fn is_choice(&self) -> bool {
        self.chosen != 0
    }

    /// The names of those that seeds may draw.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let chosen = if self.is_choice() { self.chosen } else { u64::MAX };
        let all = self.known.iter().enumerate();
        all.filter(move |(at, _)| chosen >> at & 1 == 1).map(|(_, name)| *name)
    }

    /// The arguments of a command line that choose these; `none` if none was chosen.
    pub(crate) fn arguments(&self, none: String) -> String {
        if !self.is_choice() {
            return none;
        }
        let each: Vec<String> = self.names().map(|name| format!("--traitor {name}")).collect();
        each.join(" ")
    }

    /// One of the roles whose kind may be drawn. It draws one number, whatever was chosen.
    pub(crate) fn pick<R: Copy>(
        &self,
        random: &mut Random,
        roles: &[R],
        name: impl Fn(&R) -> &'static str,
    ) -> R {
        let may = |role: &&R| self.names().any(|chosen| chosen == name(role));
        let roles: Vec<R> = roles.iter().filter(may).copied().collect();
        *random.pick(&roles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Kinds = Kinds::all(&["one", "two", "three"]);

    #[test]
    fn a_choice_is_what_its_arguments_say() {
        let some = ALL.only(["three", "one"]).unwrap();
        assert_eq!(some.names().collect::<Vec<_>>(), ["one", "three"]);
        assert_eq!(some.arguments("none".into()), "--traitor one --traitor three");
        assert_eq!(ALL.only([]), Ok(ALL));
        assert_eq!((ALL.names().count(), ALL.arguments("none".into())), (3, "none".into()));
    }

    #[test]
    fn a_name_that_is_not_known_is_answered_with_those_that_are() {
        let problem = ALL.only(["one", "four"]).unwrap_err();
        assert_eq!(problem, "no traitor `four`; there are: one, two, three");
    }

    #[test]
    fn what_is_chosen_does_not_change_what_is_drawn_after_it() {
        let next = |kinds: Kinds| {
            let mut random = Random::new(7);
            kinds.pick(&mut random, &["one", "two", "three"], |name| *name);
            random.bits()
        };
        assert_eq!(next(ALL), next(ALL.only(["two"]).unwrap()));
    }
}
