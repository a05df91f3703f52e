//! Size classes of slots.
//!
//! A slot holds a header and a value. Up to 128 bytes the classes are 8 or 16 bytes apart; above, there are eight to
//! every doubling, so that at most one ninth of a slot is lost to rounding. The alignment of a class is the largest
//! power of two that divides its size (up to [`MAX_ALIGN`]), and slots are laid out so that the *value* has it.

use crate::object::HEADER;

/// The largest alignment of a value.
pub(crate) const MAX_ALIGN: usize = 4096;
/// The largest slot that shares a span with others.
pub(crate) const MAX_SMALL: usize = if cfg!(any(miri, loom, shuttle)) { 4096 } else { 64 << 10 };
const FINE: [usize; 11] = [16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128];
/// Number of size classes.
pub(crate) const CLASSES: usize = FINE.len() + 8 * (MAX_SMALL.trailing_zeros() as usize - 7);

/// The class of what lies in a slot that no thread keeps, or does not know.
pub(crate) const NO_CLASS: u8 = CLASSES as u8;

/// Bytes of a slot, for every class.
pub(crate) const SIZES: [usize; CLASSES] = {
    let mut sizes = [0; CLASSES];
    let mut i = 0;
    while i < CLASSES {
        sizes[i] = if i < FINE.len() {
            FINE[i]
        } else {
            let step = i - FINE.len();
            (128 << (step / 8)) / 8 * (9 + step % 8)
        };
        i += 1;
    }
    sizes
};

/// The alignment that values in slots of this size have.
pub(crate) const fn class_align(size: usize) -> usize {
    let align = 1 << size.trailing_zeros();
    if align > MAX_ALIGN { MAX_ALIGN } else { align }
}

/// The smallest class for a slot of `size` bytes, found in constant time.
pub(crate) const fn class_of(size: usize) -> usize {
    if size <= 128 {
        let mut i = 0;
        while FINE[i] < size {
            i += 1;
        }
        return i;
    }
    let top = usize::BITS as usize - 1 - (size - 1).leading_zeros() as usize;
    let step = (size - 1) >> (top - 3);
    FINE.len() + (top - 7) * 8 + step - 8
}

/// Where an object of this layout goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fit {
    /// Into a slot of this class.
    Small(usize),
    /// Into a span of its own, whose header lies this many bytes into it.
    Large(usize),
}

/// The largest slot that a thread keeps for the next object: a larger one is not filled in a hurry.
const MAX_WARM: usize = 512;

impl Fit {
    /// The class, if a thread keeps slots of it.
    pub(crate) const fn warm_class(self) -> u8 {
        match self {
            Fit::Small(class) if SIZES[class] <= MAX_WARM => class as u8,
            _ => NO_CLASS,
        }
    }
}

/// Finds the place for a value of `size` bytes, aligned to `align`.
pub(crate) const fn fit(size: usize, align: usize) -> Fit {
    assert!(align <= MAX_ALIGN, "tracegc: values aligned to more than 4096 bytes are not supported");
    let slot = match HEADER.checked_add(size) {
        Some(slot) => slot,
        None => return Fit::Large(0), // refused when the span is made
    };
    if slot <= MAX_SMALL {
        let mut class = class_of(slot);
        while class < CLASSES {
            if class_align(SIZES[class]) >= align {
                return Fit::Small(class);
            }
            class += 1;
        }
    }
    Fit::Large(lead(align))
}

/// How far behind an aligned address a header begins whose value is aligned.
pub(crate) const fn lead(align: usize) -> usize {
    (align - HEADER % align) % align
}

/// Pages of a span of this class: the fewest of some likely numbers that waste at most one part in 32.
pub(crate) const fn span_pages(class: usize, page: usize, choices: &[usize]) -> usize {
    let size = SIZES[class];
    let mut i = 0;
    let mut best = choices[choices.len() - 1];
    let mut best_waste = usize::MAX;
    while i < choices.len() {
        let bytes = choices[i] * page;
        let usable = bytes.saturating_sub(class_align(size));
        if usable >= size {
            let waste = (bytes - usable / size * size) * 1024 / bytes;
            if waste <= 32 {
                return choices[i];
            }
            if waste < best_waste {
                best_waste = waste;
                best = choices[i];
            }
        }
        i += 1;
    }
    best
}
