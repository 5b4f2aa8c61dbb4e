//! What registers hold at each instruction, as far as code tells.
//!
//! Constants are followed from where they are loaded, through copies, over every way that leads on
//! from there. What comes from memory or from a caller may be anything. A call leaves R4 to R11 as
//! they were, which is what the procedure call standard demands.
//!
//! Two kinds of functions do not keep to it: pieces that the compiler cut out of several functions
//! (`OUTLINED_FUNCTION_7`), which work in the registers of whoever calls them, and functions that
//! do not return. They are known by their names, or by what they do: they change a register of
//! these that they do not push. So they are followed as a part of each function that calls them.

use crate::elf::{Function, Image};
use crate::thumb::{CALLS_CHANGE, Flow, Instruction, Leaves, PC, decode};
use std::collections::{BTreeMap, BTreeSet};

/// How many pieces may be within each other.
const DEEPEST: usize = 8;
/// How the compiler calls what it cuts out.
pub(crate) const PIECE: &str = "OUTLINED_FUNCTION_";
/// R4 to R11.
const KEPT: u16 = 0x0FF0;

/// The link register.
const LINK: u16 = 1 << 14;

/// What is known where nothing is.
const ANYTHING: Registers = [const { Value::Anything }; 16];

/// What a register may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Anything,
    /// One of these.
    Known(BTreeSet<u32>),
    /// A place in a table that begins at one of these.
    Entry(BTreeSet<u32>),
}

/// The registers before an instruction.
type Registers = [Value; 16];

/// Whom a function calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Callees {
    /// Instructions with an address in them, and those addresses.
    pub(crate) direct: BTreeSet<(u64, u64)>,
    /// Instructions that go to what a register holds, and what it can hold there: addresses with
    /// the mark of Thumb.
    pub(crate) by_register: BTreeSet<(u64, u32)>,
    /// Instructions that go nobody knows where.
    pub(crate) unknown: BTreeSet<u64>,
    /// Whether it was followed at all.
    followed: bool,
}

/// The instructions of a function, each with whether it is under a condition.
type Code = BTreeMap<u64, (Instruction, bool)>;

/// Whom each function calls, and where that cannot be told.
pub(crate) fn callees(image: &Image) -> Vec<Callees> {
    let codes: Vec<_> = image.functions.iter().map(|function| code(image, function)).collect();
    let is_piece = |(code, function): (&Code, &Function)| {
        function.name.starts_with(PIECE) || changed(code) & KEPT & !pushed(image, code) != 0
    };
    let pieces = codes.iter().zip(&image.functions).map(is_piece).collect();
    let callees = vec![Callees::default(); codes.len()];
    let mut follower = Follower { image, codes: &codes, pieces, callees };
    for at in 0..codes.len() {
        if !follower.pieces[at] {
            follower.follow(at, &ANYTHING, 0);
        }
    }
    // Nobody calls these: where the firmware begins.
    for at in 0..codes.len() {
        if !follower.callees[at].followed {
            follower.follow(at, &ANYTHING, 0);
        }
    }
    follower.callees
}

fn covers(function: &Function, address: u64) -> bool {
    (function.start..function.end).contains(&address)
}

fn code(image: &Image, function: &Function) -> Code {
    let (mut code, mut address, mut under) = (Code::new(), function.start, 0);
    while address < function.end {
        if !image.is_code(address) {
            address += 2;
            continue;
        }
        let instruction = decode(image.half(address), image.half(address + 2), address);
        code.insert(address, (instruction, under > 0));
        under = match instruction.flow {
            Flow::If(count) => count,
            _ => under.saturating_sub(1),
        };
        address += instruction.length;
    }
    code
}

/// The registers that some instruction changes.
fn changed(code: &Code) -> u16 {
    let each = code.values().map(|(instruction, _)| match instruction.leaves {
        // What is popped at the end is what was pushed, and is the caller's again.
        Leaves::Something(_) if instruction.flow == Flow::Stop => 0,
        Leaves::Something(registers) => registers,
        Leaves::Constant { to, .. } | Leaves::Address { to, .. } | Leaves::Low { to, .. } => {
            1 << to
        }
        Leaves::High { to, .. } | Leaves::Copy { to, .. } | Leaves::Entry { to, .. } => 1 << to,
    });
    each.fold(0, |all, registers| all | registers)
}

/// The registers that are pushed: `push`, `stmdb sp!`, `str` and `strd` below the stack pointer,
/// which moves along.
fn pushed(image: &Image, code: &Code) -> u16 {
    let each = code.keys().map(|at| match (image.half(*at), image.half(at + 2)) {
        (push @ 0xB400..=0xB5FF, _) => push & 0xFF,
        (0xE92D, list) => list,
        (0xF84D, second) if second & 0x0F00 == 0x0D00 => 1 << (second >> 12),
        (0xE96D, second) => 1 << (second >> 12) | 1 << (second >> 8 & 0xF),
        _ => 0,
    });
    each.fold(0, |all, registers| all | registers)
}

struct Follower<'i> {
    image: &'i Image,
    codes: &'i [Code],
    /// Which functions are followed as a part of those that call them.
    pieces: Vec<bool>,
    callees: Vec<Callees>,
}

impl Follower<'_> {
    /// Follows a function, enters whom it calls, and tells what it leaves in registers where it
    /// returns; `None` if it does not.
    fn follow(&mut self, at: usize, entry: &Registers, depth: usize) -> Option<Registers> {
        let (code, function) = (&self.codes[at], &self.image.functions[at]);
        self.callees[at].followed = true;
        let mut exit = None;
        let mut registers = BTreeMap::from([(function.start, entry.clone())]);
        let mut open = BTreeSet::from([function.start]);
        while let Some(address) = open.pop_first() {
            let (Some((instruction, under)), Some(before)) =
                (code.get(&address), registers.get(&address).cloned())
            else {
                continue;
            };
            let mut after = perform(self.image, instruction, *under, &before);
            let targets = self.targets(at, address, instruction, &before);
            let mut entry = before.clone();
            if matches!(instruction.flow, Flow::Call(_) | Flow::CallRegister(_)) {
                // Where it returns to, which is the caller's own.
                forget(&mut entry, LINK);
            }
            for target in targets {
                if !self.pieces[target] {
                    continue;
                }
                if depth == DEEPEST {
                    self.callees[at].unknown.insert(address);
                    after = ANYTHING;
                } else if let Some(left) = self.follow(target, &entry, depth + 1) {
                    after = join(&after, &left);
                }
            }
            let (ways, leaves) =
                ways(self.image, function, (address, instruction, *under), &before);
            if leaves {
                let mut left = after.clone();
                if !matches!(instruction.flow, Flow::Stop | Flow::Jump(14)) {
                    // Whoever is called in the place of a return changes what calls change.
                    forget(&mut left, CALLS_CHANGE);
                }
                exit = Some(exit.map_or(left.clone(), |exit| join(&exit, &left)));
            }
            for next in ways {
                let joined = match registers.get(&next) {
                    None => after.clone(),
                    Some(there) => join(there, &after),
                };
                if registers.get(&next) != Some(&joined) {
                    registers.insert(next, joined);
                    open.insert(next);
                }
            }
        }
        // Where no way leads that is seen here, somebody may come from elsewhere with anything.
        let unseen = code.iter().filter(|(address, _)| !registers.contains_key(address));
        for (address, (instruction, _)) in unseen {
            self.targets(at, *address, instruction, &ANYTHING);
        }
        exit
    }

    /// The functions that an instruction goes to, which are entered.
    fn targets(
        &mut self,
        at: usize,
        address: u64,
        instruction: &Instruction,
        before: &Registers,
    ) -> Vec<usize> {
        let (image, function) = (self.image, &self.image.functions[at]);
        let callees = &mut self.callees[at];
        match instruction.flow {
            Flow::Call(to) => {
                callees.direct.insert((address, to));
                image.find(to).into_iter().collect()
            }
            Flow::Branch(to) | Flow::Either(to) if !covers(function, to) => {
                callees.direct.insert((address, to));
                image.find(to).into_iter().collect()
            }
            Flow::CallRegister(register) | Flow::Jump(register) => {
                match &before[usize::from(register)] {
                    Value::Known(held) => {
                        callees.by_register.extend(held.iter().map(|to| (address, *to)));
                        held.iter().filter_map(|to| image.start(*to)).collect()
                    }
                    // Back to who called.
                    Value::Anything if instruction.flow == Flow::Jump(14) => Vec::new(),
                    Value::Entry(tables)
                        if matches!(instruction.flow, Flow::Jump(_))
                            && tables
                                .iter()
                                .all(|it| !branches(image, function, *it).is_empty()) =>
                    {
                        Vec::new()
                    }
                    Value::Anything | Value::Entry(_) => {
                        callees.unknown.insert(address);
                        Vec::new()
                    }
                }
            }
            Flow::Table { base, .. } if tables(base, 0, before).is_empty() => {
                callees.unknown.insert(address);
                Vec::new()
            }
            Flow::Lost => {
                callees.unknown.insert(address);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

/// Where an instruction goes on within its function, and whether it may leave it for good.
fn ways(
    image: &Image,
    function: &Function,
    (at, instruction, under): (u64, &Instruction, bool),
    before: &Registers,
) -> (Vec<u64>, bool) {
    let next = at + instruction.length;
    if let Flow::Jump(register) = instruction.flow
        && let Value::Entry(tables) = &before[usize::from(register)]
    {
        let ways = tables.iter().flat_map(|table| branches(image, function, *table));
        return (ways.chain(under.then_some(next)).collect(), false);
    }
    let (mut ways, goes_on, mut leaves) = match instruction.flow {
        Flow::On | Flow::Call(_) | Flow::CallRegister(_) | Flow::If(_) => (vec![], true, false),
        Flow::Either(to) => (vec![to], true, false),
        Flow::Branch(to) => (vec![to], false, false),
        Flow::Stop | Flow::Jump(_) | Flow::Lost => (vec![], false, true),
        Flow::Table { base, halves } => {
            let tables = tables(base, next, before);
            let places = |start| table(image, function, (start, next), halves);
            (tables.into_iter().flat_map(places).collect(), false, false)
        }
    };
    if let Flow::Either(to) | Flow::Branch(to) = instruction.flow {
        leaves |= !covers(function, to);
    }
    if goes_on || under {
        ways.push(next);
    }
    ways.retain(|to| covers(function, *to));
    (ways, leaves)
}

/// Where a table may begin, of an instruction before `next`; none if that cannot be told.
fn tables(base: u8, next: u64, before: &Registers) -> Vec<u64> {
    match &before[usize::from(base)] {
        _ if base == PC => vec![next],
        Value::Known(starts) => starts.iter().map(|start| u64::from(*start)).collect(),
        Value::Anything | Value::Entry(_) => Vec::new(),
    }
}

/// Where a table leads: its entries count halves from the instruction's end, and it ends where code
/// begins again.
fn table(image: &Image, function: &Function, (start, next): (u64, u64), halves: bool) -> Vec<u64> {
    let size = if halves { 2 } else { 1 };
    let entries = (start..function.end).step_by(size).take_while(|at| !image.is_code(*at));
    let entry = |at: u64| {
        let half = u64::from(image.half(at & !1));
        if halves { half } else { half >> (8 * (at & 1)) & 0xFF }
    };
    entries.map(|at| next + 2 * entry(at)).collect()
}

/// The instructions of a table, each of which goes on elsewhere: where places are too far away for
/// [`table`]. It ends where something else begins.
fn branches(image: &Image, function: &Function, table: u32) -> Vec<u64> {
    let entries = (u64::from(table)..function.end).step_by(4).take_while(|at| {
        let entry = decode(image.half(*at), image.half(at + 2), *at);
        image.is_code(*at) && entry.length == 4 && matches!(entry.flow, Flow::Branch(_))
    });
    if covers(function, table.into()) { entries.collect() } else { Vec::new() }
}

fn perform(image: &Image, instruction: &Instruction, under: bool, before: &Registers) -> Registers {
    let mut after = before.clone();
    let old = |register: u8| before[usize::from(register)].clone();
    let known = |value: u32| Value::Known(BTreeSet::from([value]));
    let (to, value) = match instruction.leaves {
        Leaves::Something(registers) => {
            forget(&mut after, registers);
            return if under { join(before, &after) } else { after };
        }
        Leaves::Constant { to, at } if image.is_code(at) => (to, Value::Anything),
        Leaves::Constant { to, at } => (to, known(image.word(at))),
        Leaves::Address { to, at } => (to, u32::try_from(at).map_or(Value::Anything, known)),
        Leaves::Entry { to, base } => match old(base) {
            Value::Known(tables) => (to, Value::Entry(tables)),
            Value::Anything | Value::Entry(_) => (to, Value::Anything),
        },
        Leaves::Low { to, value } => (to, known(value.into())),
        Leaves::High { to, value } => match old(to) {
            Value::Anything | Value::Entry(_) => (to, Value::Anything),
            Value::Known(lower) => {
                let whole = lower.iter().map(|lower| u32::from(value) << 16 | lower & 0xFFFF);
                (to, Value::Known(whole.collect()))
            }
        },
        Leaves::Copy { to, from } => (to, old(from)),
    };
    after[usize::from(to)] = value;
    if under { join(before, &after) } else { after }
}

fn forget(registers: &mut Registers, which: u16) {
    for (register, value) in registers.iter_mut().enumerate() {
        if which >> register & 1 != 0 {
            *value = Value::Anything;
        }
    }
}

fn join(one: &Registers, two: &Registers) -> Registers {
    std::array::from_fn(|register| match (&one[register], &two[register]) {
        (Value::Known(one), Value::Known(two)) => Value::Known(one | two),
        (Value::Entry(one), Value::Entry(two)) => Value::Entry(one | two),
        _ => Value::Anything,
    })
}
