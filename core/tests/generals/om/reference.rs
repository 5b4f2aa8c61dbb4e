//! The algorithms OM(0) and OM(m) as the paper of 1982 writes them, recursion and all, apart from
//! the library: only what was said on each path is given.

/// What one general said to another on a path that ends with the one who said it; `None`: nothing
/// that it may use.
pub trait Sayings<V> {
    fn said(&self, path: &[u8], to: u8) -> Option<V>;
}

impl<V, F: Fn(&[u8], u8) -> Option<V>> Sayings<V> for F {
    fn said(&self, path: &[u8], to: u8) -> Option<V> {
        self(path, to)
    }
}

/// The value that lieutenant `me` uses in OM(m), in which the last on `path` is the commander and
/// `others` are its lieutenants except `me`.
pub fn om<V: Copy + PartialEq>(
    m: usize,
    path: &mut Vec<u8>,
    others: &[u8],
    me: u8,
    retreat: V,
    sayings: &impl Sayings<V>,
) -> V {
    // (1) "The commander sends his value to every lieutenant."
    // (2) "Let v_i be the value Lieutenant i receives from the commander, or else be RETREAT if he
    //     receives no value."
    let received = sayings.said(path, me).unwrap_or(retreat);
    if m == 0 {
        // "Each lieutenant uses the value he receives from the commander, or uses the value
        // RETREAT if he receives no value."
        return received;
    }
    // (3) "For each i, and each j /= i, let v_j be the value Lieutenant i received from Lieutenant
    //     j in step (2) (using Algorithm OM(m - 1)), or else RETREAT if he received no such value.
    //     Lieutenant i uses the value majority(v_1, ..., v_(n-1))."
    let mut values = vec![received];
    for j in others {
        let rest: Vec<u8> = others.iter().copied().filter(|other| other != j).collect();
        path.push(*j);
        values.push(om(m - 1, path, &rest, me, retreat, sayings));
        path.pop();
    }
    majority(&values).unwrap_or(retreat)
}

/// "The majority value among the v_i if it exists."
fn majority<V: Copy + PartialEq>(values: &[V]) -> Option<V> {
    let count = |value: &V| values.iter().filter(|other| *other == value).count();
    values.iter().copied().find(|value| 2 * count(value) > values.len())
}
