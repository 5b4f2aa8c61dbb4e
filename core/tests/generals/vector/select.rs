//! What a vector is used for.

use super::*;
use quorate::Verdict;

/// Decides, and hands the vector of one general to a closure.
fn with_vector<D>(said: &[Option<u8>], keep: impl FnMut(Vector<'_, Oral>) -> D) -> D {
    let nodes = said.len();
    let all: Vec<_> = (0..nodes).map(|me| oral(me, nodes, 1)).collect();
    let mut field = Field::new(all, &[]);
    for (id, value) in said.iter().enumerate() {
        if let Some(value) = value {
            let order = Input::Command(Order(*value));
            assert_eq!(field.generals[id].step(Instant::ZERO, order).count(), 0);
        }
    }
    field.fight(&mut nobody, keep).decisions.remove(nodes - 1).remove(0)
}

#[test]
fn majority_is_more_than_half_of_all_and_not_of_those_who_spoke() {
    let majority = |said: &[Option<u8>]| with_vector(said, |vector| vector.majority());
    assert_eq!(majority(&[Some(1), Some(1), Some(1), Some(2)]), Some(1));
    assert_eq!(majority(&[Some(2), Some(1), Some(1), Some(1)]), Some(1));
    assert_eq!(majority(&[Some(1), Some(1), Some(2), Some(2)]), None);
    assert_eq!(majority(&[Some(1), Some(1), None, None]), None);
    assert_eq!(majority(&[Some(1), Some(2), Some(1), Some(3), Some(1)]), Some(1));
    assert_eq!(majority(&[None, None, None, None]), None);
}

#[test]
fn mid_value_is_the_middle_one_of_the_valid_values_and_the_lower_one_of_two() {
    let mid = |said: &[Option<u8>]| with_vector(said, |vector| vector.mid_value());
    assert_eq!(mid(&[Some(20), Some(255), Some(22), Some(21), None]), Some(21));
    assert_eq!(mid(&[Some(20), Some(255), Some(22), Some(21), Some(0)]), Some(21));
    assert_eq!(mid(&[Some(5), Some(5), Some(5), Some(9)]), Some(5));
    assert_eq!(mid(&[Some(9), Some(1), None, None]), Some(1));
    assert_eq!(mid(&[None, Some(9), None, None]), Some(9));
    assert_eq!(mid(&[None, None, None, None]), None);
}

#[test]
fn first_valid_begins_at_the_general_whose_turn_it_is() {
    let said = [Some(10), None, Some(12), Some(13)];
    let first = |turn| with_vector(&said, |vector| vector.first_valid(turn));
    assert_eq!(first(0), Some((NodeId(0), 10)));
    assert_eq!(first(1), Some((NodeId(2), 12)));
    assert_eq!(first(3), Some((NodeId(3), 13)));
    assert_eq!(first(4), Some((NodeId(0), 10)));
    assert_eq!(first(u64::MAX), Some((NodeId(3), 13)));
    assert_eq!(with_vector(&[None; 4], |vector| vector.first_valid(2)), None);
}

#[test]
fn entries_are_asked_for_by_id() {
    let all = with_vector(&[Some(1), None, Some(3), Some(4)], |vector| {
        assert_eq!((vector.len(), vector.is_empty()), (4, false));
        (0..5).map(|id| vector.entry(NodeId(id)).map(Verdict::value)).collect::<Vec<_>>()
    });
    assert_eq!(all, [Some(Some(1)), Some(None), Some(Some(3)), Some(Some(4)), None]);
}
