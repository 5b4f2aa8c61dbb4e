//! What traitors say in place of what they would have said loyally.

use crate::lie::Lie;
use crate::route::Route;
use crate::word::Word;
use clap::ValueEnum;
use quorate::NodeId;

/// A place in which a traitor speaks.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The traitor.
    pub from: NodeId,
    /// Who is told.
    pub to: NodeId,
    /// Whose order it is about.
    pub commander: NodeId,
    /// The path or the chain.
    pub route: &'a Route,
    /// The round it belongs to.
    pub claims: u8,
    /// What a loyal general would say; `None`: that it heard nothing.
    pub loyal: Option<Word>,
}

/// What a traitor says in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// What a loyal general would.
    Loyal,
    /// Nothing.
    Silence,
    /// What it likes, or nothing if it would have to forge a signature for that.
    Say(Word),
    /// What this lie says, which may be nothing.
    Lie(&'a Lie),
}

/// How the traitors of a scenario lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Treason {
    /// As it is written.
    Lies(Vec<Lie>),
    /// All of them by one strategy.
    Strategy {
        /// Which.
        strategy: Strategy,
        /// The word that is not the order.
        other: Word,
        /// The word that absent messages count as.
        default: Word,
        /// The order of each general, by id.
        orders: Vec<Word>,
        /// Draws what is random.
        seed: u64,
    },
}

/// What traitors do who have no lies of their own. Where a lie would need a forged signature,
/// they say nothing instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// Say nothing at all.
    Silent,
    /// Tell generals with even ids the order, those with odd ids another one.
    Split,
    /// Tell everybody another order; where that is what a loyal general would say, the order.
    Invert,
    /// The order, another, the default or nothing, by lot in each message.
    Random,
}

impl Treason {
    /// What is said in this place.
    #[must_use]
    pub fn answer(&self, place: &Place<'_>) -> Answer<'_> {
        match self {
            Self::Lies(lies) => {
                let Place { from, to, commander, route, .. } = *place;
                let mut backwards = lies.iter().rev();
                let last = backwards.find(|lie| lie.replaces(from, to, commander, route));
                last.map_or(Answer::Loyal, Answer::Lie)
            }
            Self::Strategy { strategy, other, default, orders, seed } => {
                let order = orders.get(place.commander.index()).copied().unwrap_or(*default);
                strategy.answer(place, [order, *other, *default], *seed)
            }
        }
    }

    /// The lies that are written down.
    #[must_use]
    pub fn lies(&self) -> &[Lie] {
        match self {
            Self::Lies(lies) => lies,
            Self::Strategy { .. } => &[],
        }
    }

    /// The lies that are sent in this round in addition.
    pub fn additions(&self, round: u8) -> impl Iterator<Item = &Lie> {
        self.lies().iter().filter(move |lie| lie.round == Some(round))
    }
}

impl Strategy {
    fn answer(self, place: &Place<'_>, words: [Word; 3], seed: u64) -> Answer<'static> {
        let [order, other, _] = words;
        match self {
            Self::Silent => Answer::Silence,
            Self::Split if place.to.0.is_multiple_of(2) => Answer::Say(order),
            Self::Split => Answer::Say(other),
            Self::Invert if place.loyal == Some(other) => Answer::Say(order),
            Self::Invert => Answer::Say(other),
            Self::Random => {
                let lot = (draw(place, seed) >> 33) as usize % (words.len() + 1);
                words.get(lot).map_or(Answer::Silence, |word| Answer::Say(*word))
            }
        }
    }
}

/// A number for this place, the same in every run with this seed.
fn draw(place: &Place<'_>, seed: u64) -> u64 {
    let who = [place.from.0, place.to.0, place.commander.0, place.claims];
    let ids = place.route.ids().iter().map(|id| id.0);
    who.into_iter().chain(ids).fold(mixed(seed), |state, byte| mixed(state ^ u64::from(byte)))
}

/// One step of SplitMix64.
const fn mixed(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Ids;

    fn word(text: &str) -> Word {
        text.parse().unwrap()
    }

    fn lie(number: usize, to: Ids, value: &str) -> Lie {
        Lie {
            number,
            from: NodeId(3),
            to,
            value: value.parse().ok(),
            path: None,
            round: None,
            signers: None,
            replay_of: None,
            commander: None,
            claims: None,
        }
    }

    fn place(to: u8, route: &Route) -> Place<'_> {
        let (from, commander) = (NodeId(3), NodeId(0));
        Place { from, to: NodeId(to), commander, route, claims: 2, loyal: Some(word("A")) }
    }

    #[test]
    fn the_last_lie_that_matches_wins() {
        let (route, other) = ([0, 3].map(NodeId).into_iter().collect(), Route::default());
        let mut on_path = lie(3, Ids::All, "D");
        on_path.path = Some(other);
        let mut later = lie(4, Ids::All, "E");
        later.round = Some(2);
        let lies = vec![lie(1, Ids::All, "B"), lie(2, Ids::These(vec![NodeId(1)]), ""), on_path];
        let treason = Treason::Lies([lies, vec![later]].concat());
        let told = |to| match treason.answer(&place(to, &route)) {
            Answer::Lie(lie) => Some(lie.number),
            _ => None,
        };
        assert_eq!((told(1), told(2)), (Some(2), Some(1)));
        assert_eq!(treason.additions(2).map(|lie| lie.number).collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn the_strategies_do_what_they_say() {
        let route: Route = [0, 3].map(NodeId).into_iter().collect();
        let words = ["A", "B", "R"].map(word);
        let told = |strategy: Strategy, to, seed| strategy.answer(&place(to, &route), words, seed);
        assert_eq!(told(Strategy::Silent, 1, 0), Answer::Silence);
        assert_eq!(told(Strategy::Split, 1, 0), Answer::Say(word("B")));
        assert_eq!(told(Strategy::Split, 2, 0), Answer::Say(word("A")));
        assert_eq!(told(Strategy::Invert, 2, 0), Answer::Say(word("B")));
        let drawn: Vec<_> = (0..64).map(|seed| told(Strategy::Random, 1, seed)).collect();
        let again: Vec<_> = (0..64).map(|seed| told(Strategy::Random, 1, seed)).collect();
        assert_eq!(drawn, again, "the same seed draws the same");
        for answer in words.map(Answer::Say).into_iter().chain([Answer::Silence]) {
            assert!(drawn.contains(&answer), "{answer:?} is drawn in 64 seeds");
        }
    }
}
