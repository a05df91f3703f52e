//! The operations, and how they are read from bytes: one for the operation and one for each choice, so that a change of
//! a byte is a change of one choice.

use arbitrary::{Arbitrary, Result, Unstructured};

/// As many operations as the bytes give.
#[derive(Debug)]
pub(crate) struct Program(pub(crate) Vec<Op>);

impl<'a> Arbitrary<'a> for Program {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let mut ops = Vec::new();
        while !bytes.is_empty() {
            ops.push(bytes.arbitrary()?);
        }
        Ok(Program(ops))
    }
}

/// Picks one of what is there, modulo its number.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Pick(u8);

impl Pick {
    pub(crate) fn of(self, len: usize) -> Option<usize> {
        usize::from(self.0).checked_rem(len)
    }
}

/// What an object is to be like: its size and alignment, above all.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Plain,
    Wide,
    /// Many to a span, but not many.
    Huge,
    /// In a span of its own.
    Large,
    Aligned,
    PageAligned,
}

/// What drop glue or a cleanup does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Nothing,
    Panic,
    Collect,
    Make,
    Upgrade,
}

impl<'a> Arbitrary<'a> for Shape {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        use Shape::{Aligned, Huge, Large, PageAligned, Plain, Wide};
        // The small ones are those that most can be done with.
        bytes.choose(&[Plain, Wide, Huge, Large, Aligned, PageAligned, Plain, Plain]).copied()
    }
}

impl<'a> Arbitrary<'a> for Act {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        use Act::{Collect, Make, Nothing, Panic, Upgrade};
        // Collections take longest.
        bytes.choose(&[Nothing, Panic, Collect, Make, Upgrade, Nothing, Nothing, Nothing]).copied()
    }
}

/// What is placed in an arena.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Node { fixed: Option<Pick> },
    Slice { len: u8 },
    Text { len: u16 },
}

/// And what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Promote,
    Drop,
    MoveOut,
}

impl<'a> Arbitrary<'a> for Value {
    fn arbitrary(b: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match b.int_in_range(0..=2_u8)? {
            0 => Value::Node { fixed: b.arbitrary()? },
            1 => Value::Slice { len: b.arbitrary()? },
            _ => Value::Text { len: b.arbitrary()? },
        })
    }
}

impl<'a> Arbitrary<'a> for End {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        bytes.choose(&[End::Promote, End::Drop, End::MoveOut, End::Promote]).copied()
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Node {
        shape: Shape,
        fixed: Option<Pick>,
        skipped: Option<Pick>,
        weak: Option<Pick>,
        act: Act,
    },
    /// One that has a weak pointer to itself.
    Cyclic {
        fixed: Option<Pick>,
    },
    Slice {
        len: u8,
        from_array: bool,
    },
    Text {
        len: u16,
    },
    Clone(Pick),
    Drop(Pick),
    /// To a `dyn` type, and back where that can be.
    Convert(Pick),
    Walk {
        from: Pick,
        cell: Pick,
    },
    Link {
        from: Pick,
        cell: Pick,
        to: Pick,
        under_lock: bool,
    },
    Unlink {
        from: Pick,
        cell: Pick,
        under_lock: bool,
    },
    MoveIn {
        what: Pick,
        to: Pick,
        cell: Pick,
    },
    MoveOut {
        from: Pick,
        cell: Pick,
    },
    Swap {
        a: Pick,
        i: Pick,
        b: Pick,
        j: Pick,
    },
    Downgrade(Pick),
    CloneWeak(Pick),
    DropWeak(Pick),
    StoreWeak {
        weak: Pick,
        to: Pick,
    },
    Upgrade(Pick),
    AddCleanup {
        on: Pick,
        part: Option<Pick>,
        holds: Option<Pick>,
        act: Act,
    },
    StopCleanup(Pick),
    /// Puts a handle into a field with exclusive access.
    GetMut {
        what: Pick,
        with: Option<Pick>,
        collect: bool,
    },
    MakeMut {
        what: Pick,
    },
    Unwrap {
        what: Pick,
        whatever: bool,
        keep_edges: bool,
    },
    /// A collection while a lock is held.
    CollectLocked {
        what: Pick,
        cell: Pick,
    },
    Collect,
    Trim,
    /// A value in the arena, and out of it.
    InArena {
        value: Value,
        end: End,
    },
    ResetArena {
        free: bool,
    },
}

impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(b: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match b.int_in_range(0..=27_u8)? {
            0 => Op::Node {
                shape: b.arbitrary()?,
                fixed: b.arbitrary()?,
                skipped: b.arbitrary()?,
                weak: b.arbitrary()?,
                act: b.arbitrary()?,
            },
            1 => Op::Cyclic { fixed: b.arbitrary()? },
            2 => Op::Slice { len: b.arbitrary()?, from_array: b.arbitrary()? },
            3 => Op::Text { len: b.arbitrary()? },
            4 => Op::Clone(b.arbitrary()?),
            5 => Op::Drop(b.arbitrary()?),
            6 => Op::Convert(b.arbitrary()?),
            7 => Op::Walk { from: b.arbitrary()?, cell: b.arbitrary()? },
            8 => {
                Op::Link { from: b.arbitrary()?, cell: b.arbitrary()?, to: b.arbitrary()?, under_lock: b.arbitrary()? }
            }
            9 => Op::Unlink { from: b.arbitrary()?, cell: b.arbitrary()?, under_lock: b.arbitrary()? },
            10 => Op::MoveIn { what: b.arbitrary()?, to: b.arbitrary()?, cell: b.arbitrary()? },
            11 => Op::MoveOut { from: b.arbitrary()?, cell: b.arbitrary()? },
            12 => Op::Swap { a: b.arbitrary()?, i: b.arbitrary()?, b: b.arbitrary()?, j: b.arbitrary()? },
            13 => Op::Downgrade(b.arbitrary()?),
            14 => Op::CloneWeak(b.arbitrary()?),
            15 => Op::DropWeak(b.arbitrary()?),
            16 => Op::StoreWeak { weak: b.arbitrary()?, to: b.arbitrary()? },
            17 => Op::Upgrade(b.arbitrary()?),
            18 => {
                Op::AddCleanup { on: b.arbitrary()?, part: b.arbitrary()?, holds: b.arbitrary()?, act: b.arbitrary()? }
            }
            19 => Op::StopCleanup(b.arbitrary()?),
            20 => Op::GetMut { what: b.arbitrary()?, with: b.arbitrary()?, collect: b.arbitrary()? },
            21 => Op::MakeMut { what: b.arbitrary()? },
            22 => Op::Unwrap { what: b.arbitrary()?, whatever: b.arbitrary()?, keep_edges: b.arbitrary()? },
            23 => Op::CollectLocked { what: b.arbitrary()?, cell: b.arbitrary()? },
            24 => Op::Collect,
            25 => Op::Trim,
            26 => Op::InArena { value: b.arbitrary()?, end: b.arbitrary()? },
            _ => Op::ResetArena { free: b.arbitrary()? },
        })
    }
}
