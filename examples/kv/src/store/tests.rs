use super::*;
use crate::bundle::{Replies, VERSION, append_command};

fn bundle(commands: &[&[&str]]) -> Vec<u8> {
    let mut out = vec![VERSION];
    for command in commands {
        append_command(&mut out, command.iter().map(|argument| argument.as_bytes()));
    }
    out
}

fn run(store: &mut Store, command: &[&str]) -> String {
    let mut reply = Vec::new();
    store.execute(&bundle(&[command]), &mut reply);
    let mut replies = Replies::parse(&reply).expect("a bundle");
    assert_eq!(replies.executed(), 1);
    String::from_utf8_lossy(replies.next().expect("one reply")).into_owned()
}

fn store() -> Store {
    Store::new(MIN_REPLY_BYTES)
}

#[test]
fn commands_answer_as_redis_does() {
    let mut store = store();
    for (command, reply) in [
        (&["SET", "a", "1"][..], "+OK\r\n"),
        (&["get", "a"], "$1\r\n1\r\n"),
        (&["GET", "none"], "$-1\r\n"),
        (&["SET", "a", "2", "NX"], "$-1\r\n"),
        (&["SET", "b", "2", "xx"], "$-1\r\n"),
        (&["SET", "a", "2", "XX", "GET"], "$1\r\n1\r\n"),
        (&["SET", "a", "3", "nx", "get"], "$1\r\n2\r\n"),
        (&["SET", "n", "3", "NX", "GET"], "$-1\r\n"),
        (&["GET", "n"], "$1\r\n3\r\n"),
        (&["SET", "a", "2", "NX", "XX"], "-ERR syntax error\r\n"),
        (&["SET", "a", "2", "EX", "3"], "-ERR syntax error\r\n"),
        (&["GETSET", "a", "9"], "$1\r\n2\r\n"),
        (&["GETSET", "new", "x"], "$-1\r\n"),
        (&["EXISTS", "a", "a", "none"], ":2\r\n"),
        (&["DEL", "new", "none", "n"], ":2\r\n"),
        (&["INCR", "a"], ":10\r\n"),
        (&["INCRBY", "a", "-20"], ":-10\r\n"),
        (&["DECR", "a"], ":-11\r\n"),
        (&["DECRBY", "a", "9"], ":-20\r\n"),
        (&["INCR", "fresh"], ":1\r\n"),
        (&["APPEND", "fresh", "23"], ":3\r\n"),
        (&["APPEND", "other", "xyz"], ":3\r\n"),
        (&["STRLEN", "fresh"], ":3\r\n"),
        (&["STRLEN", "none"], ":0\r\n"),
        (&["MSET", "k1", "v1", "k2", "v2"], "+OK\r\n"),
        (&["MGET", "k1", "none", "k2"], "*3\r\n$2\r\nv1\r\n$-1\r\n$2\r\nv2\r\n"),
        (&["DBSIZE"], ":5\r\n"),
        (&["KEYS", "fre*"], "*1\r\n$5\r\nfresh\r\n"),
        (&["FLUSHALL", "ASYNC"], "+OK\r\n"),
        (&["DBSIZE"], ":0\r\n"),
    ] {
        assert_eq!(run(&mut store, command), reply, "{command:?}");
    }
}

#[test]
fn wrong_commands_are_errors_in_the_words_of_redis() {
    let mut store = store();
    run(&mut store, &["MSET", "text", "abc", "big", "9223372036854775807"]);
    run(&mut store, &["SET", "small", "-9223372036854775808"]);
    let long = "k".repeat(MAX_KEY + 1);
    for (command, reply) in [
        (&["NOPE", "x"][..], "-ERR unknown command 'NOPE'\r\n"),
        (&["PING"], "-ERR unknown command 'PING'\r\n"),
        (&["GET"], "-ERR wrong number of arguments for 'get' command\r\n"),
        (&["GET", "a", "b"], "-ERR wrong number of arguments for 'get' command\r\n"),
        (&["MSET", "a", "b", "c"], "-ERR wrong number of arguments for 'mset' command\r\n"),
        (&["INCR", "text"], "-ERR value is not an integer or out of range\r\n"),
        (&["INCRBY", "n", "+1"], "-ERR value is not an integer or out of range\r\n"),
        (&["INCRBY", "n", "01"], "-ERR value is not an integer or out of range\r\n"),
        (&["INCRBY", "n", " 1"], "-ERR value is not an integer or out of range\r\n"),
        (
            &["INCRBY", "n", "9223372036854775808"],
            "-ERR value is not an integer or out of range\r\n",
        ),
        (&["INCR", "big"], "-ERR increment or decrement would overflow\r\n"),
        (&["DECR", "small"], "-ERR increment or decrement would overflow\r\n"),
        (
            &["DECRBY", "n", "-9223372036854775808"],
            "-ERR increment or decrement would overflow\r\n",
        ),
        (&["GET", &long], "-ERR key is longer than 1024 bytes\r\n"),
        (&["DEL", "a", &long], "-ERR key is longer than 1024 bytes\r\n"),
        (&["MSET", "a", "b", &long, "d"], "-ERR key is longer than 1024 bytes\r\n"),
        (&["KEYS", &long], "-ERR pattern is longer than 1024 bytes\r\n"),
        (&["SCAN", "x"], "-ERR invalid cursor\r\n"),
        (&["SCAN", "0", "COUNT"], "-ERR syntax error\r\n"),
        (&["SCAN", "0", "COUNT", "0"], "-ERR syntax error\r\n"),
        (&["SCAN", "0", "TYPE", "string"], "-ERR syntax error\r\n"),
        (&["FLUSHALL", "NOW"], "-ERR syntax error\r\n"),
    ] {
        assert_eq!(run(&mut store, command), reply, "{command:?}");
    }
    assert_eq!(run(&mut store, &["DBSIZE"]), ":3\r\n", "errors change nothing");
    assert_eq!(run(&mut store, &["MSET", &"m".repeat(MAX_KEY), &long]), "+OK\r\n");
}

#[test]
fn values_are_bounded_and_a_value_of_full_length_can_be_read() {
    let mut store = store();
    let (full, over) = ("v".repeat(MAX_VALUE), "v".repeat(MAX_VALUE + 1));
    let too_long = "-ERR string exceeds maximum allowed size (524288 bytes)\r\n";
    for command in [&["SET", "k", &over][..], &["GETSET", "k", &over], &["MSET", "k", &over]] {
        assert_eq!(run(&mut store, command), too_long);
    }
    assert_eq!(run(&mut store, &["EXISTS", "k"]), ":0\r\n");
    assert_eq!(run(&mut store, &["SET", "k", &full]), "+OK\r\n");
    assert_eq!(run(&mut store, &["APPEND", "k", "x"]), too_long);
    assert_eq!(run(&mut store, &["GET", "k"]).len(), "$524288\r\n\r\n".len() + MAX_VALUE);
    assert_eq!(run(&mut store, &["GETSET", "k", "x"]).len(), "$524288\r\n\r\n".len() + MAX_VALUE);
    run(&mut store, &["MSET", "a", &full, "b", &full[1..]]);
    let too_long = "-ERR the reply is too long, ask for less at a time\r\n";
    assert_eq!(run(&mut store, &["MGET", "a", "b"]), too_long);
}

#[test]
fn what_has_no_room_for_its_reply_is_left_out_unchanged() {
    let mut store = store();
    let value = "v".repeat(MAX_VALUE / 4 * 3);
    run(&mut store, &["SET", "a", &value]);
    run(&mut store, &["SET", "b", &value]);
    let commands: &[&[&str]] =
        &[&["INCR", "n"], &["GETSET", "a", "x"], &["GETSET", "b", "x"], &["INCR", "n"]];
    let mut reply = Vec::new();
    store.execute(&bundle(commands), &mut reply);
    assert!(reply.len() <= MIN_REPLY_BYTES);
    assert_eq!(Replies::parse(&reply).unwrap().executed(), 2);
    assert_eq!(Replies::parse(&reply).unwrap().count(), 2);
    store.execute(&bundle(&commands[2..]), &mut reply);
    assert_eq!(Replies::parse(&reply).unwrap().executed(), 2, "and alone it fits");
    assert_eq!(run(&mut store, &["GET", "n"]), "$1\r\n2\r\n");
    assert_eq!(run(&mut store, &["MGET", "a", "b"]), "*2\r\n$1\r\nx\r\n$1\r\nx\r\n");
}

#[test]
fn no_reply_exceeds_its_limit_however_many_commands() {
    let mut store = store();
    let many = vec![&["INCR", "counter"][..]; 80_000];
    let mut reply = Vec::new();
    store.execute(&bundle(&many), &mut reply);
    assert!(reply.len() <= MIN_REPLY_BYTES, "{}", reply.len());
    let replies = Replies::parse(&reply).unwrap();
    assert_eq!(run(&mut store, &["GET", "counter"]), {
        let text = replies.executed().to_string();
        format!("${}\r\n{text}\r\n", text.len())
    });
}

#[test]
fn a_scan_meets_every_key_once_whatever_its_count() {
    let mut store = store();
    let keys: Vec<String> = (0..257).map(|n| format!("key:{n}")).collect();
    for key in &keys {
        run(&mut store, &["SET", key, "v"]);
    }
    for count in ["1", "7", "1000"] {
        let mut found = Vec::new();
        let mut cursor = "0".to_owned();
        loop {
            let reply = run(&mut store, &["SCAN", &cursor, "COUNT", count, "MATCH", "key:*"]);
            let mut lines = reply.split("\r\n");
            cursor = lines.nth(2).unwrap().to_owned();
            found.extend(lines.filter(|l| l.starts_with("key:")).map(str::to_owned));
            if cursor == "0" {
                break;
            }
        }
        found.sort();
        let mut expected = keys.clone();
        expected.sort();
        assert_eq!(found, expected);
    }
    assert_eq!(
        run(&mut store, &["SCAN", "18446744073709551615"]),
        "*2\r\n$1\r\n0\r\n*0\r\n",
        "the end of all hashes"
    );
}

#[test]
fn equal_states_have_equal_snapshots_whatever_their_history() {
    let (mut one, mut two) = (store(), store());
    for n in 0..100 {
        run(&mut one, &["SET", &format!("k{n}"), &n.to_string()]);
        run(&mut two, &["SET", &format!("k{}", 99 - n), &(99 - n).to_string()]);
        run(&mut two, &["SET", &format!("gone{n}"), "x"]);
    }
    assert_ne!(one.snapshot(), two.snapshot());
    for n in 0..100 {
        run(&mut two, &["DEL", &format!("gone{n}")]);
    }
    assert_eq!(one.snapshot(), two.snapshot());
    let mut three = store();
    run(&mut three, &["SET", "old", "state"]);
    three.restore(&one.snapshot()).unwrap();
    assert_eq!(three.snapshot(), one.snapshot());
    assert_eq!(run(&mut three, &["GET", "k42"]), "$2\r\n42\r\n");
    assert_eq!(run(&mut three, &["GET", "old"]), "$-1\r\n");
}

#[test]
fn a_snapshot_that_is_none_changes_nothing() {
    let mut store = store();
    run(&mut store, &["MSET", "a", "1", "b", "2", "c", ""]);
    let snapshot = store.snapshot();
    for cut in 0..snapshot.len() {
        let mut other = store.clone();
        if other.restore(&snapshot[..cut]).is_err() {
            assert_eq!(other.snapshot(), snapshot);
        } else {
            assert!(other.len() < store.len(), "a cut between two keys");
        }
    }
    let twice = [&snapshot[..], &snapshot[8..]].concat();
    assert!(store.restore(&twice).is_err(), "keys ascend");
    assert_eq!(store.snapshot(), snapshot);
}

#[test]
fn hostile_operations_are_answered_the_same_and_change_nothing() {
    let mut store = store();
    run(&mut store, &["SET", "a", "1"]);
    let before = store.snapshot();
    let good = bundle(&[&["SET", "a", "2"], &["DEL", "a"]]);
    let mut reply = Vec::new();
    let mut hostile: Vec<Vec<u8>> = (0..good.len()).map(|cut| good[..cut].to_vec()).collect();
    hostile.retain(|bytes| Commands::parse(bytes).is_none());
    hostile.push([&good[..], &[0]].concat());
    hostile.push(vec![0xff; 1_000]);
    hostile.push(vec![0; 1_000]);
    hostile.push(vec![]);
    for operation in hostile {
        store.execute(&operation, &mut reply);
        assert_eq!(reply, [1], "{operation:x?}");
        assert_eq!(store.snapshot(), before);
    }
}

/// A linear congruential generator: tests need noise, not randomness.
fn noise(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

#[test]
fn random_bytes_in_every_place_never_panic_and_two_stores_agree() {
    for seed in 0..200 {
        let mut state = seed;
        let (mut one, mut two) = (store(), store());
        let names = ["SET", "GET", "INCR", "APPEND", "MSET", "SCAN", "KEYS", "DEL", "FLUSHALL"];
        for _ in 0..40 {
            let mut operation = vec![VERSION];
            for _ in 0..noise(&mut state) % 5 + 1 {
                let name = names[noise(&mut state) % names.len()].as_bytes().to_vec();
                let mut command = vec![name];
                for _ in 0..noise(&mut state) % 5 {
                    let len = noise(&mut state) % 4;
                    command.push((0..len).map(|_| noise(&mut state) as u8 % 64 + 20).collect());
                }
                append_command(&mut operation, command.iter().map(Vec::as_slice));
            }
            if noise(&mut state).is_multiple_of(4) {
                let at = noise(&mut state) % operation.len();
                operation[at] = noise(&mut state) as u8;
            }
            let (mut first, mut second) = (Vec::new(), Vec::new());
            one.execute(&operation, &mut first);
            two.execute(&operation, &mut second);
            assert_eq!(first, second, "seed {seed}");
            assert_eq!(one.snapshot(), two.snapshot(), "seed {seed}");
        }
    }
}

#[test]
fn a_read_says_what_execution_says_and_changes_nothing() {
    let mut store = store();
    run(&mut store, &["MSET", "a", "1", "b", "22", "c", "333"]);
    let before = store.snapshot();
    for commands in [
        &[&["GET", "a"][..]][..],
        &[&["get", "none"], &["MGET", "a", "none", "c"], &["EXISTS", "a", "b", "x"]],
        &[&["STRLEN", "c"], &["DBSIZE"], &["KEYS", "*"], &["SCAN", "0", "COUNT", "2"]],
        &[&["GET"], &["SCAN", "x"], &["GET", "a", "b"]],
    ] {
        let bundle = bundle(commands);
        assert!(Store::only_reads(&bundle));
        let (mut read, mut executed) = (Vec::new(), Vec::new());
        assert!(store.read(&bundle, &mut read), "{commands:?}");
        store.execute(&bundle, &mut executed);
        assert_eq!(read, executed, "{commands:?}");
    }
    assert_eq!(store.snapshot(), before);
}

#[test]
fn whatever_could_change_something_is_not_read() {
    for spec in crate::command::COMMANDS {
        let reads = ["dbsize", "exists", "get", "keys", "mget", "scan", "strlen"];
        let name = spec.name.to_uppercase();
        let (alone, mixed) = (bundle(&[&[&name]]), bundle(&[&["GET", "a"], &[&name]]));
        assert_eq!(Store::only_reads(&alone), reads.contains(&spec.name), "{name}");
        assert_eq!(Store::only_reads(&mixed), reads.contains(&spec.name), "{name}");
    }
    let mut reply = Vec::new();
    for other in [&b""[..], b"\x01", b"\x02\x01\x03GET", &bundle(&[&["NOSUCH"]])] {
        assert!(!store().read(other, &mut reply) && reply.is_empty());
    }
}
/// All buckets of a store.
fn buckets(store: &Store) -> Vec<Vec<u8>> {
    let bucket = |index| {
        let mut bytes = Vec::new();
        store.bucket(index, &mut bytes);
        bytes
    };
    (0..super::BUCKETS).map(bucket).collect()
}

fn changed(store: &mut Store) -> Vec<u32> {
    let mut changed = Vec::new();
    store.take_changed(&mut |index| changed.push(index));
    changed
}

#[test]
fn buckets_hold_every_key_once_and_only_written_ones_are_changed() {
    let mut store = Store::new(super::MIN_REPLY_BYTES);
    assert_eq!(changed(&mut store).len(), super::BUCKETS as usize);
    for at in 0..5_000u32 {
        store.put(&at.to_le_bytes(), b"value");
    }
    changed(&mut store);
    let whole: usize = buckets(&store).iter().map(Vec::len).sum();
    assert_eq!(whole + 8, store.snapshot().len(), "the snapshot has eight bytes more");
    let before = buckets(&store);
    type Write = fn(&mut Store);
    let writes: [Write; 5] = [
        |store| store.put(b"a new one", b"value"),
        |store| store.put(&7u32.to_le_bytes(), b"another"),
        |store| assert!(store.remove(&8u32.to_le_bytes())),
        |store| store.get_mut(&9u32.to_le_bytes()).expect("it is there").push(1),
        |store| drop(store.get(&10u32.to_le_bytes()).cloned()),
    ];
    for write in writes {
        let mut other = store.clone();
        write(&mut other);
        let differing = (0..).zip(buckets(&other)).filter(|(at, it)| before[*at as usize] != *it);
        assert_eq!(changed(&mut other), differing.map(|(at, _)| at).collect::<Vec<u32>>());
        assert!(changed(&mut other).is_empty());
    }
}

#[test]
fn buckets_that_are_installed_make_the_same_store() {
    let (mut one, mut two) = (Store::new(MIN_REPLY_BYTES), Store::new(MIN_REPLY_BYTES));
    for at in 0..3_000u32 {
        one.put(&at.to_le_bytes(), &at.to_be_bytes());
        two.put(&(at + 1_500).to_le_bytes(), b"another");
    }
    for (index, bytes) in (0..).zip(buckets(&one)) {
        two.install_bucket(index, &bytes).expect("it is a bucket");
    }
    assert_eq!(two.snapshot(), one.snapshot());
    let (full, whole) = (buckets(&one), one.snapshot());
    let some = full.iter().position(|bytes| !bytes.is_empty()).expect("there are keys");
    assert!(one.install_bucket(some as u32 ^ 1, &full[some]).is_err(), "keys of another bucket");
    assert!(one.install_bucket(super::BUCKETS, &[]).is_err(), "there is no such bucket");
    assert!(one.install_bucket(some as u32, &full[some][1..]).is_err());
    assert_eq!(one.snapshot(), whole);
}
