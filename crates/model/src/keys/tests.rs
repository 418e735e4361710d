use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::{
    clock::{Clock as _, Entropy, SystemClock, SystemEntropy},
    keys::{
        MasterKey, MasterKeys, Purpose, UnwrapError,
        data_key::DataKey,
        ring::KeyRing,
        sealed::{SealContext, Sealed, UnsealError},
    },
};

const PLACE: SealContext<'static> = SealContext { dev_id: "acme-testing", row: "1", column: "grant" };

fn master(byte: u8) -> MasterKey {
    MasterKey(Zeroizing::new([byte; 32]))
}

fn ring(byte: u8) -> KeyRing {
    KeyRing::new(&master(byte))
}

fn entropy() -> &'static dyn Entropy {
    &SystemEntropy
}

fn data_key(masters: &MasterKeys, number: u32, active: bool) -> DataKey {
    let now = SystemClock.now();
    let row = DataKey::new(Purpose::Vault, number, now, active.then_some(now));
    masters.wrap(entropy(), &Zeroizing::new([u8::try_from(number).unwrap(); 32]), row)
}

#[test]
fn a_value_opens_in_its_own_context_only() {
    let sealed = ring(1).seal(entropy(), PLACE, b"value");
    assert_eq!(ring(1).open(PLACE, &sealed).unwrap().as_slice(), b"value");
    for place in [
        SealContext { dev_id: "other", ..PLACE },
        SealContext { row: "2", ..PLACE },
        SealContext { column: "secret", ..PLACE },
        SealContext { dev_id: "acme-testing1", row: "", ..PLACE },
    ] {
        assert_eq!(ring(1).open(place, &sealed), Err(UnsealError), "{place:?}");
    }
    assert_eq!(ring(2).open(PLACE, &sealed), Err(UnsealError));
}

#[test]
fn a_changed_or_shortened_value_does_not_open() {
    let sealed = ring(1).seal(entropy(), PLACE, b"value");
    for at in 0..sealed.0.len() {
        let mut changed = sealed.clone();
        changed.0[at] ^= 1;
        assert_eq!(ring(1).open(PLACE, &changed), Err(UnsealError), "byte {at}");
        let mut shorter = sealed.clone();
        shorter.0.truncate(at);
        assert_eq!(ring(1).open(PLACE, &shorter), Err(UnsealError), "length {at}");
    }
}

#[test]
fn a_value_from_before_data_keys_opens() {
    // Version 1, nonce, ciphertext and tag, under the key that was derived from the master key.
    let sealed = ring(1).seal(entropy(), PLACE, b"value");
    let before = Sealed([&[1], &sealed.0[5..]].concat());
    assert_eq!(ring(1).open(PLACE, &before).unwrap().as_slice(), b"value");
    assert_eq!(
        (before.data_key(), sealed.data_key(), Sealed(vec![3, 0, 0, 0, 1]).data_key()),
        (Some(1), Some(1), None)
    );
}

#[test]
fn the_newest_active_data_key_seals_and_all_open() {
    let ring = ring(1);
    let old = ring.seal(entropy(), PLACE, b"old");
    let masters = ring.master_keys().clone();
    ring.adopt(&[data_key(&masters, 2, true), data_key(&masters, 3, false)]).unwrap();
    let new = ring.seal(entropy(), PLACE, b"new");
    assert_eq!((old.data_key(), new.data_key(), ring.current()), (Some(1), Some(2), 2));
    assert_eq!(ring.open(PLACE, &old).unwrap().as_slice(), b"old");
    ring.adopt(&[data_key(&masters, 3, true)]).unwrap();
    ring.adopt(&[data_key(&masters, 2, true)]).unwrap(); // read before key 3, adopted after it
    assert_eq!(ring.current(), 3);
    assert_eq!(ring.open(PLACE, &new).unwrap().as_slice(), b"new");
}

#[test]
fn a_data_key_of_another_master_key_is_rejected_by_its_id() {
    let ring = ring(1);
    let masters = MasterKeys::new(master(2), Vec::new());
    let (theirs, ours) = (data_key(&masters, 2, true), data_key(&ring.master_keys(), 3, true));
    let error = ring.adopt(&[theirs, ours]).unwrap_err();
    let (wanted, given) = (master(2).id(), master(1).id().to_string());
    assert_eq!(error, UnwrapError::WrongMasterKey { wanted, given });
    assert_eq!(ring.current(), 3, "the other keys are loaded");
}

#[test]
fn a_data_key_is_bound_to_its_purpose_number_and_master_key() {
    let masters = MasterKeys::new(master(1), vec![master(2)]);
    let key = data_key(&masters, 2, true);
    assert_eq!(masters.unwrap(&key).unwrap()[..], [2; 32]);
    let mut changed = key.clone();
    changed.wrapped[20] ^= 1;
    for other in [
        DataKey { number: 3, ..key.clone() },
        DataKey { purpose: Purpose::MacKey, ..key.clone() },
        DataKey { wrapped_by: master(2).id(), ..key.clone() },
        DataKey { wrapped: key.wrapped[..20].to_vec(), ..key.clone() },
        changed,
    ] {
        assert_eq!(masters.unwrap(&other), Err(UnwrapError::Changed(other.purpose, other.number)));
    }
}

#[test]
fn a_previous_master_key_unwraps_and_does_not_wrap() {
    let old = data_key(&MasterKeys::new(master(1), Vec::new()), 2, true);
    let masters = MasterKeys::new(master(2), vec![master(1)]);
    assert_eq!(masters.unwrap(&old).unwrap()[..], [2; 32]);
    assert_eq!(data_key(&masters, 2, true).wrapped_by, master(2).id());
}

#[test]
fn a_master_key_is_never_printed() {
    let id = master(9).id();
    assert_eq!(format!("{id}").len(), 16);
    assert!(!format!("{id:?} {:?}", data_key(&MasterKeys::new(master(9), Vec::new()), 1, true)).contains("9, 9, 9"));
}

proptest! {
    #[test]
    fn a_sealed_value_opens_in_its_own_context_and_in_no_other(
        value in prop::collection::vec(any::<u8>(), 0..300),
        here in ("[a-z]{0,4}", "[a-z]{0,4}"),
        there in ("[a-z]{0,4}", "[a-z]{0,4}"),
        at in any::<prop::sample::Index>(),
    ) {
        let ring = ring(1);
        let [here, there] = [&here, &there].map(|(dev_id, row)| SealContext { dev_id, row, column: "grant" });
        let sealed = ring.seal(entropy(), here, &value);
        prop_assert_eq!(&ring.open(here, &sealed).unwrap()[..], &value[..]);
        prop_assert_eq!(ring.open(there, &sealed).is_ok(), (here.dev_id, here.row) == (there.dev_id, there.row));
        let mut changed = sealed.clone();
        changed.0[at.index(sealed.0.len())] ^= 0x80;
        prop_assert_eq!(ring.open(here, &changed), Err(UnsealError));
    }
}
