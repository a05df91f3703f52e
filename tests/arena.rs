//! Arenas. The numbers are those of the behaviours that the project promises.

#![cfg(not(any(loom, shuttle)))]

mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::Threads;
use tracegc::{Arena, ArenaBox, CleanupError, Gc, add_cleanup, heap};

/// Builds in which chunks that had values are not used again.
const QUARANTINE: bool = cfg!(any(miri, tracegc_asan, tracegc_hardened));
const CHUNK: usize = 64 << 10;

/// For tests that look at what arenas share, or change it by a collection: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts its drops.
struct Counted<'a>(&'a Cell<usize>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("bomb");
    }
}

/// A small generator of numbers, the same ones in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn panics(f: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

#[test]
fn a01_values_are_bumped_within_a_chunk() {
    let arena = Arena::new();
    let values: Vec<_> = (0..100_u64).map(|i| arena.alloc(i)).collect();
    for pair in values.windows(2) {
        let distance = ArenaBox::as_ptr(&pair[0]).addr().abs_diff(ArenaBox::as_ptr(&pair[1]).addr());
        assert_eq!(distance, 8);
    }
    assert_eq!(arena.chunk_bytes(), CHUNK);
    assert!((800..816).contains(&arena.allocated_bytes()));
    assert!(values.iter().enumerate().all(|(i, value)| **value == i as u64));
}

#[test]
fn a01_a_full_chunk_is_followed_by_another() {
    let arena = Arena::with_chunk_size(1);
    let page = {
        arena.alloc(0_u8);
        arena.chunk_bytes()
    };
    let values: Vec<_> = (0..page / 2).map(|i| arena.alloc(i)).collect();
    let words = size_of::<usize>();
    assert!(arena.chunk_bytes() >= page * words / 2);
    assert!(arena.chunk_bytes() <= page * (words / 2 + 2));
    assert!(arena.allocated_bytes() >= values.len() * words);
    assert!(arena.allocated_bytes() <= arena.chunk_bytes());
    assert!(values.iter().enumerate().all(|(i, value)| **value == i));
}

#[test]
fn a01_large_values_get_their_own_span() {
    let arena = Arena::new();
    let first = arena.alloc(1_u8);
    let quarter = arena.alloc([2_u8; CHUNK / 4]);
    assert_eq!(arena.chunk_bytes(), CHUNK);
    let large = arena.alloc([3_u8; CHUNK / 4 + 1]);
    assert!(arena.chunk_bytes() > CHUNK + CHUNK / 4);
    assert!(arena.chunk_bytes() <= CHUNK + CHUNK / 2);
    // The current chunk is still in use.
    let next = arena.alloc(4_u8);
    assert_eq!(ArenaBox::as_ptr(&next).addr() + 1, ArenaBox::as_ptr(&quarter).addr());
    assert_eq!((*first, quarter[9], large[CHUNK / 4], *next), (1, 2, 3, 4));
}

#[test]
fn a01_chunks_come_from_the_reuse_list_first() {
    let _alone = alone();
    // A size of its own, which no other test asks for.
    let size = 5 * 8192;
    let address = || {
        let arena = Arena::with_chunk_size(size);
        let value = arena.alloc(1_u64);
        ArenaBox::as_ptr(&value).addr()
    };
    let reused = || {
        let first = address();
        // The page heap would give this place to whoever asks next.
        let in_between = Arena::with_chunk_size(size + 8192);
        in_between.alloc(1);
        first == address()
    };
    // More than once: another test may collect in between, which empties the list.
    let reused = (0..20).any(|_| reused());
    // Under a sanitizer not even the partly used chunk is used again.
    assert_eq!(reused, !cfg!(any(miri, tracegc_asan)));
}

#[test]
fn a02_drop_and_free_release_everything() {
    let _alone = alone();
    let count: usize = if cfg!(miri) { 64 } else { 8192 };
    let before = heap::stats().span_bytes;
    for free in [false, true] {
        let arena = Arena::new();
        for _ in 0..count {
            ArenaBox::leak(arena.alloc([0_u8; CHUNK / 4]));
        }
        ArenaBox::leak(arena.alloc([0_u8; 2 * CHUNK]));
        assert!(heap::stats().span_bytes >= before + (count * CHUNK / 4) as u64);
        if free {
            arena.free();
        } else {
            drop(arena);
        }
        // A few are kept for the next arena, and other tests have some.
        if !QUARANTINE {
            assert!(heap::stats().span_bytes < before + (count * CHUNK / 16) as u64);
        }
    }
}

#[test]
fn a03_an_arena_can_be_moved_to_another_thread() {
    let mut arena = Arena::new();
    // A value that cannot be sent.
    ArenaBox::leak(arena.alloc(std::ptr::null::<Rc<u8>>()));
    for _ in 0..3 {
        arena = std::thread::spawn(move || {
            assert_eq!(*arena.alloc(vec![1, 2]), [1, 2]);
            arena
        })
        .join()
        .unwrap();
    }
    assert_eq!(*arena.alloc(7), 7);
}

#[test]
fn a03_a_box_can_be_used_and_dropped_on_another_thread() {
    let arena = Arena::new();
    let mut list = arena.alloc(vec![1]);
    let text = arena.alloc_str("text");
    std::thread::scope(|scope| {
        let changed = scope.spawn(move || {
            list.push(2);
            list
        });
        let shared = &text;
        let reader = scope.spawn(move || assert_eq!(&**shared, "text"));
        // The arena goes on meanwhile.
        let here: Vec<_> = (0..1000).map(|i| arena.alloc(i)).collect();
        let list = changed.join().unwrap();
        assert_eq!((list.len(), here.len()), (2, 1000));
        // Joined one by one: ThreadSanitizer does not see how a scope waits for its threads.
        scope.spawn(move || drop(list)).join().unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn a04_reset_keeps_the_chunks() {
    let mut arena = Arena::with_chunk_size(1);
    let mut kept = None;
    for round in 0..4_u8 {
        for i in 0..3000_u64 {
            assert_eq!(*arena.alloc(i), i);
        }
        // Nothing more was needed than in the round before.
        if !QUARANTINE {
            assert_eq!(arena.chunk_bytes(), kept.unwrap_or(arena.chunk_bytes()));
        }
        let before = arena.chunk_bytes();
        let large = arena.alloc([round; 3 * CHUNK]);
        assert_eq!(large[CHUNK], round);
        drop(large);
        assert!(arena.chunk_bytes() > before);
        arena.reset();
        assert_eq!(arena.allocated_bytes(), 0);
        if !QUARANTINE {
            assert_eq!(arena.chunk_bytes(), before);
        }
        kept = Some(before);
    }
}

#[test]
fn a04_an_empty_arena_can_be_reset_and_freed() {
    let mut arena = Arena::default();
    arena.reset();
    arena.reset();
    assert_eq!((arena.allocated_bytes(), arena.chunk_bytes()), (0, 0));
    arena.free();
}

#[test]
fn a05_drop_runs_exactly_once() {
    let drops = Cell::new(0);
    let mut arena = Arena::new();
    let one = arena.alloc(Counted(&drops));
    let many = arena.alloc_slice_fill_with(10, |_| Counted(&drops));
    let option = Some(arena.alloc(Counted(&drops)));
    assert_eq!(drops.get(), 0);
    drop(one);
    assert_eq!(drops.get(), 1);
    drop(many);
    assert_eq!(drops.get(), 11);
    drop(option);
    assert_eq!(drops.get(), 12);
    arena.reset();
    arena.free();
    assert_eq!(drops.get(), 12);
}

#[test]
fn a05_leak_and_forget_do_not_drop() {
    let drops = Cell::new(0);
    let arena = Arena::new();
    let leaked = ArenaBox::leak(arena.alloc(Counted(&drops)));
    assert_eq!(leaked.0.get(), 0);
    std::mem::forget(arena.alloc(Counted(&drops)));
    let _ = ArenaBox::into_raw(arena.alloc(Counted(&drops)));
    arena.free();
    assert_eq!(drops.get(), 0);
}

#[test]
fn a05_into_inner_moves_the_value_out() {
    let drops = Cell::new(0);
    let arena = Arena::new();
    let value = ArenaBox::into_inner(arena.alloc(Counted(&drops)));
    arena.free();
    assert_eq!(drops.get(), 0);
    drop(value);
    assert_eq!(drops.get(), 1);
}

#[test]
fn a05_a_raw_pointer_becomes_a_box_again() {
    let drops = Cell::new(0);
    let arena = Arena::new();
    let raw = ArenaBox::into_raw(arena.alloc(Counted(&drops)));
    // SAFETY: the pointer is that of a box, and the arena is still there.
    let again: ArenaBox<'_, Counted<'_>> = unsafe { ArenaBox::from_raw(raw) };
    assert_eq!(drops.get(), 0);
    drop(again);
    assert_eq!(drops.get(), 1);
    arena.free();
}

#[test]
fn a05_a_panicking_drop_releases_the_rest() {
    let drops = Cell::new(0);
    let arena = Arena::new();
    assert!(panics(|| {
        let _before = arena.alloc(Counted(&drops));
        let _bomb = arena.alloc(Bomb);
        let _after = arena.alloc(Counted(&drops));
    }));
    assert_eq!(drops.get(), 2);
    // Of a slice, the elements after the one that panicked.
    assert!(panics(|| {
        let pairs = [(None, Some(Counted(&drops))), (Some(Bomb), Some(Counted(&drops)))];
        drop(arena.alloc_slice_fill_iter(pairs));
    }));
    assert_eq!(drops.get(), 4);
    // The arena itself unwinds, too.
    assert!(panics(|| {
        let arena = Arena::new();
        let _kept = arena.alloc(Counted(&drops));
        let _bomb = arena.alloc(Bomb);
    }));
    assert_eq!(drops.get(), 5);
    assert_eq!(*arena.alloc(5), 5);
}

#[test]
fn a05_what_was_made_is_dropped_if_the_rest_panics() {
    let drops = Cell::new(0);
    let arena = Arena::new();
    assert!(panics(|| {
        arena.alloc_slice_fill_with(10, |i| {
            assert!(i < 4);
            Counted(&drops)
        });
    }));
    assert_eq!(drops.get(), 4);
    assert!(panics(|| {
        arena.alloc_with(|| -> Counted<'_> { panic!("nothing was made") });
    }));
    assert_eq!(drops.get(), 4);
}

#[test]
fn a05_boxes_in_boxes() {
    let drops = Cell::new(0);
    let arena = Arena::new();
    let inner: Vec<_> = (0..3).map(|_| arena.alloc(Counted(&drops))).collect();
    let outer = arena.alloc(inner);
    assert_eq!(outer.len(), 3);
    drop(outer);
    assert_eq!(drops.get(), 3);
}

#[test]
fn a06_slices_and_strings() {
    let arena = Arena::new();
    assert_eq!(*arena.alloc_slice_copy(&[1_u16, 2, 3]), [1, 2, 3]);
    assert_eq!(*arena.alloc_slice_clone(&[vec![1], vec![2, 3]]), [vec![1], vec![2, 3]]);
    assert_eq!(*arena.alloc_slice_fill_with(3, |i| i * 2), [0, 2, 4]);
    assert_eq!(*arena.alloc_slice_fill_iter(["a", "b"].map(String::from)), ["a", "b"]);
    let mut text = arena.alloc_str("grüße");
    text.make_ascii_uppercase();
    assert_eq!(&*text, "GRüßE");
    let bytes: ArenaBox<'_, [u8]> = text.into();
    assert_eq!(bytes.len(), 7);
}

#[test]
fn a06_iterators_that_lie_about_their_length() {
    struct Lying(usize, usize);
    impl Iterator for Lying {
        type Item = String;
        fn next(&mut self) -> Option<String> {
            self.1 = self.1.checked_sub(1)?;
            Some(self.1.to_string())
        }
    }
    impl ExactSizeIterator for Lying {
        fn len(&self) -> usize {
            self.0
        }
    }
    let arena = Arena::new();
    assert_eq!(*arena.alloc_slice_fill_iter(Lying(5, 2)), ["1", "0"]);
    assert_eq!(*arena.alloc_slice_fill_iter(Lying(2, 5)), ["4", "3"]);
    assert!(arena.alloc_slice_fill_iter(Lying(0, 5)).is_empty());
}

#[test]
fn a06_zero_sized_values_and_empty_slices() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    #[repr(align(256))]
    struct Empty;

    let drops = Cell::new(0);
    let arena = Arena::new();
    let unit = arena.alloc(());
    let aligned = arena.alloc(Empty);
    assert_eq!(ArenaBox::as_ptr(&aligned).addr() % 256, 0);
    assert_ne!(ArenaBox::as_ptr(&unit).addr(), ArenaBox::as_ptr(&aligned).addr());
    assert!(arena.alloc_slice_copy::<u64>(&[]).is_empty());
    assert!(arena.alloc_str("").is_empty());
    assert!(arena.alloc_slice_clone::<String>(&[]).is_empty());
    assert!(arena.alloc_slice_fill_iter(Vec::<Bomb>::new()).is_empty());
    let units = arena.alloc_slice_copy(&[(); usize::MAX]);
    assert_eq!(units.len(), usize::MAX);
    // Without a size, but with a destructor.
    struct Token;
    thread_local!(static TOKENS: Cell<usize> = const { Cell::new(0) });
    impl Drop for Token {
        fn drop(&mut self) {
            TOKENS.set(TOKENS.get() + 1);
        }
    }
    drop(arena.alloc_slice_fill_with(10, |_| Token));
    drop(arena.alloc(Token));
    assert_eq!(TOKENS.get(), 11);
    drop(arena.alloc_slice_fill_with(0, |_| Counted(&drops)));
    assert_eq!(drops.get(), 0);
}

#[test]
fn a06_over_aligned_values() {
    macro_rules! check {
        ($arena:expr, $($align:literal)*) => {$({
            #[derive(Clone, Copy, PartialEq, Debug)]
            #[repr(align($align))]
            struct Wide(u8);

            $arena.alloc(1_u8);
            let one = $arena.alloc(Wide(1));
            assert_eq!(ArenaBox::as_ptr(&one).addr() % $align, 0);
            let two = $arena.alloc_slice_copy(&[Wide(2); 2]);
            assert_eq!(two.as_ptr().addr() % $align, 0);
            let many = $arena.alloc_slice_fill_with(40, |i| Wide(i as u8));
            assert_eq!(many.as_ptr().addr() % $align, 0);
            assert_eq!((*one, two[1], many[39]), (Wide(1), Wide(2), Wide(39)));
        })*};
    }
    for arena in [Arena::new(), Arena::with_chunk_size(1), Arena::with_chunk_size(1 << 20)] {
        check!(arena, 2 4 8 16 32 64 128 256 512 1024 2048 4096);
    }
}

#[test]
fn a06_values_larger_than_a_chunk() {
    let arena = Arena::with_chunk_size(1);
    let sizes = [CHUNK - 1, CHUNK, CHUNK + 1, if cfg!(miri) { 300 << 10 } else { 9 << 20 }];
    for size in sizes {
        let mut bytes = arena.alloc_slice_fill_with(size, |i| i as u8);
        assert!(arena.allocated_bytes() >= size);
        bytes[size - 1] = 7;
        assert_eq!((bytes[0], bytes[size - 2], bytes[size - 1]), (0, (size - 2) as u8, 7));
    }
}

#[test]
fn a06_a_slice_that_no_memory_can_hold_panics() {
    let arena = Arena::new();
    assert!(panics(|| {
        arena.alloc_slice_fill_with(usize::MAX / 2, |_| 0_u64);
    }));
    assert!(panics(|| drop(Arena::with_chunk_size(usize::MAX))));
    assert_eq!(*arena.alloc(1), 1);
}

#[test]
fn a06_the_arena_can_be_used_while_a_value_is_made() {
    let arena = Arena::with_chunk_size(1);
    let outer = arena.alloc_with(|| {
        let inner = arena.alloc_slice_fill_with(500, |i| *arena.alloc(i));
        [inner.len(), *arena.alloc(1)]
    });
    assert_eq!(*outer, [500, 1]);
}

/// Values of random sizes and alignments lie where they should, and never over one another.
#[test]
fn a06_random_values_do_not_overlap() {
    let rounds = if cfg!(miri) { 2 } else { 40 };
    let values = if cfg!(miri) { 100 } else { 1500 };
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..rounds {
        let mut arena = Arena::with_chunk_size(1 << (10 + numbers.below(9)));
        for _ in 0..2 {
            let mut taken: Vec<(usize, usize)> = Vec::new();
            let mut boxes: Vec<(u8, ArenaBox<'_, [u8]>)> = Vec::new();
            for i in 0..values {
                let size = match numbers.below(20) {
                    0 => numbers.below(40_000),
                    1 => 0,
                    _ => numbers.below(300),
                };
                let mark = (i + round) as u8;
                // The bytes of a slice of elements of some alignment.
                let bytes = match numbers.below(5) {
                    0 => aligned::<16>(&arena, size),
                    1 => aligned::<64>(&arena, size),
                    2 => aligned::<1024>(&arena, size),
                    3 => aligned::<4096>(&arena, size % 300),
                    _ => arena.alloc_slice_fill_with(size, |_| 0),
                };
                let mut bytes = bytes;
                bytes.fill(mark);
                let start = bytes.as_ptr().addr();
                taken.push((start, start + bytes.len().max(1)));
                boxes.push((mark, bytes));
            }
            taken.sort_unstable();
            assert!(taken.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            assert!(boxes.iter().all(|(mark, bytes)| bytes.iter().all(|byte| byte == mark)));
            assert!(arena.allocated_bytes() <= arena.chunk_bytes());
            drop(boxes);
            arena.reset();
        }
    }
}

/// At least `size` bytes of an alignment of `ALIGN`.
fn aligned<const ALIGN: usize>(arena: &Arena, size: usize) -> ArenaBox<'_, [u8]> {
    fn bytes<T: Copy>(arena: &Arena, unit: T, size: usize) -> ArenaBox<'_, [u8]> {
        let units = size.div_ceil(size_of::<T>());
        let units = arena.alloc_slice_fill_with(units, |_| unit);
        assert_eq!(units.as_ptr().addr() % align_of::<T>(), 0);
        let len = size_of_val(&*units);
        let first = ArenaBox::into_raw(units).cast::<u8>();
        // SAFETY: the pointer is that of a box whose bytes are all initialised and need no destructor.
        unsafe { ArenaBox::from_raw(std::ptr::slice_from_raw_parts_mut(first, len)) }
    }
    macro_rules! unit {
        ($align:literal) => {{
            #[derive(Clone, Copy)]
            #[repr(align($align))]
            #[expect(dead_code, reason = "its bytes are read")]
            struct Unit([u8; $align]);
            bytes(arena, Unit([0; $align]), size)
        }};
    }
    match ALIGN {
        16 => unit!(16),
        64 => unit!(64),
        1024 => unit!(1024),
        _ => unit!(4096),
    }
}

#[test]
fn a07_handles_in_values_keep_their_objects() {
    let _alone = alone();
    let arena = Arena::new();
    let object = Gc::new(Mutex::new(None::<Gc<u64>>));
    let weak = Gc::downgrade(&object);
    let holder = arena.alloc(("holder", object));
    let more = arena.alloc_slice_fill_with(3, |_| holder.1.clone());
    tracegc::collect();
    assert!(weak.upgrade().is_some());
    drop(holder);
    tracegc::collect();
    assert!(weak.upgrade().is_some());
    drop(more);
    assert!(weak.upgrade().is_none());
    // A leaked value is never dropped, and what it holds lives on.
    let object = Gc::new(5);
    let weak = Gc::downgrade(&object);
    ArenaBox::leak(arena.alloc(object));
    arena.free();
    tracegc::collect();
    assert_eq!(weak.upgrade().as_deref(), Some(&5));
}

#[test]
fn a08_into_gc_promotes() {
    let _threads = Threads;
    let _alone = alone();
    let arena = Arena::new();
    let name = ArenaBox::into_gc(arena.alloc(String::from("name")));
    let words = ["one", "two"].map(String::from);
    let words: Gc<[String]> = ArenaBox::into_gc(arena.alloc_slice_fill_iter(words));
    let text: Gc<str> = ArenaBox::into_gc(arena.alloc_str("text"));
    let unit = Gc::from(arena.alloc(()));
    let none: Gc<[String]> = ArenaBox::into_gc(arena.alloc_slice_clone(&[]));
    let large = ArenaBox::into_gc(arena.alloc_with(|| [7_u32; 40_000]));
    arena.free();
    assert_eq!(*name, "name");
    assert_eq!(*words, ["one", "two"]);
    assert_eq!(&*text, "text");
    assert!(none.is_empty() && Gc::strong_count(&unit) == 1);
    assert!(large.iter().all(|&n| n == 7));
    // The value is an object now, of one owner, and accepts what objects accept.
    assert_eq!(Gc::strong_count(&words), 1);
    let weak = Gc::downgrade(&words);
    assert!(add_cleanup(&words[1], (), drop).is_ok());
    drop(words);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a08_handles_move_with_the_value() {
    let _alone = alone();
    let arena = Arena::new();
    let object = Gc::new(1);
    let weak = Gc::downgrade(&object);
    let promoted = ArenaBox::into_gc(arena.alloc(Some(object)));
    arena.free();
    tracegc::collect();
    assert!(weak.upgrade().is_some());
    drop(promoted);
    assert!(weak.upgrade().is_none());
}

/// Only these builds have a quarantine.
#[test]
#[cfg(any(miri, tracegc_asan, tracegc_hardened))]
fn a09_full_chunks_are_not_used_again_soon() {
    const PAGE: usize = 8 << 10;
    let addresses = || {
        let arena = Arena::with_chunk_size(1);
        let address_of = |i: u64| ArenaBox::as_ptr(&arena.alloc([i; 32])).addr();
        let mut addresses: Vec<_> = (0..if cfg!(miri) { 50 } else { 500 }).map(address_of).collect();
        // The last chunk, of one page, is not full.
        let last = address_of(0);
        addresses.retain(|addr| addr.abs_diff(last) > PAGE);
        addresses
    };
    let first = addresses();
    let second = addresses();
    assert!(first.iter().all(|addr| !second.contains(addr)));
}

/// In a process of its own, which it ends.
#[test]
#[cfg(all(unix, not(miri), any(tracegc_asan, tracegc_hardened)))]
fn a09_a_stale_pointer_is_noticed() {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    const CHILD: &str = "TRACEGC_STALE_POINTER";
    if std::env::var_os(CHILD).is_some() {
        let arena = Arena::new();
        let stale = ArenaBox::into_raw(arena.alloc([1_u8; CHUNK]));
        arena.free();
        // SAFETY: none: the arena is gone, and the process is to end here.
        let byte = unsafe { stale.cast::<u8>().read_volatile() };
        panic!("read {byte}");
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a09_a_stale_pointer_is_noticed"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    if cfg!(tracegc_asan) {
        assert!(said.contains("use-after-poison"), "{said}");
    } else {
        // SIGSEGV or SIGBUS.
        assert!(matches!(child.status.signal(), Some(11 | 10 | 7)), "{:?} {said}", child.status);
    }
}

fn refused<T: ?Sized + 'static>(value: &T) {
    match add_cleanup(value, "argument", |_| unreachable!("it was refused")) {
        Err(CleanupError::ArenaAllocated("argument")) => {}
        other => panic!("{other:?} for a {}", std::any::type_name::<T>()),
    }
}

#[test]
fn a13_cleanups_are_refused() {
    let arena = Arena::new();
    // c12: whole values, parts of them, elements, large values, zero-sized ones.
    let pair = arena.alloc((1_u8, [2_u64; 3]));
    refused(&*pair);
    refused(&pair.0);
    refused(&pair.1[2]);
    let slice = arena.alloc_slice_fill_with(1000, |i| i);
    refused(&*slice);
    refused(&slice[999]);
    refused(&*arena.alloc_str("text"));
    refused(&*arena.alloc_str(""));
    refused(&*arena.alloc(()));
    refused(&*arena.alloc([0_u64; 0]));
    let large = arena.alloc([0_u8; 3 * CHUNK]);
    refused(&*large);
    refused(&large[0]);
    refused(&large[3 * CHUNK - 1]);
    let huge = arena.alloc_slice_fill_with(if cfg!(miri) { 600 << 10 } else { 9 << 20 }, |_| 0_u8);
    refused(&huge[0]);
    refused(&huge[huge.len() / 2]);
    refused(&huge[huge.len() - 1]);
    refused(ArenaBox::leak(arena.alloc(5)));
    // What lies behind a pointer in the value is not in the arena.
    let boxed = arena.alloc(Box::new(5));
    assert!(matches!(add_cleanup(&**boxed, (), drop), Err(CleanupError::NotInHeap(()))));
}

/// A zero-sized part can lie at the very end of a value, and the value at the very end of a chunk.
#[test]
fn a13_cleanups_are_refused_at_the_end_of_a_chunk() {
    let arena = Arena::with_chunk_size(1);
    for _ in 0..if cfg!(miri) { 20 } else { 1000 } {
        let value = arena.alloc(([0_u64; 64], ()));
        refused(&value.1);
        refused(&value.0[64..]);
    }
    let large = arena.alloc([[0_u8; CHUNK], [0_u8; CHUNK]]);
    refused(&large[2..]);
    refused(&large[1][CHUNK..]);
}

#[test]
fn a_box_shows_the_traits_of_its_value() {
    use std::collections::{BTreeSet, HashSet};

    let arena = Arena::new();
    let (one, two) = (arena.alloc(1), arena.alloc(2));
    assert!(one < two && one != two && one.cmp(&two).is_lt());
    assert_eq!(format!("{one} {two:?} {arena:?}").matches("Arena").count(), 1);
    assert_eq!(format!("{one:p}"), format!("{:p}", &*one));
    let set: HashSet<ArenaBox<'_, str>> = ["a", "b", "a"].map(|s| arena.alloc_str(s)).into();
    assert!(set.len() == 2 && set.contains("a"));
    let sorted: BTreeSet<_> = [arena.alloc(2), arena.alloc(1)].into();
    assert_eq!(sorted.first().map(|n| **n), Some(1));
    let mut numbers = arena.alloc(0..5);
    assert_eq!((numbers.next(), numbers.next_back(), numbers.len()), (Some(0), Some(4), 3));
    assert_eq!(numbers.sum::<i32>(), 6);
    let error: ArenaBox<'_, dyn std::error::Error> = {
        let raw = ArenaBox::into_raw(arena.alloc(std::fmt::Error)) as *mut dyn std::error::Error;
        // SAFETY: the pointer is that of a box.
        unsafe { ArenaBox::from_raw(raw) }
    };
    assert_eq!(error.to_string(), std::fmt::Error.to_string());
}

#[test]
fn a_box_is_one_word_and_has_a_niche() {
    assert_eq!(size_of::<ArenaBox<'_, u8>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<ArenaBox<'_, u8>>>(), size_of::<usize>());
    assert_eq!(size_of::<ArenaBox<'_, str>>(), 2 * size_of::<usize>());
}

/// It compiles: a box of a longer-lived value is one of a shorter-lived value.
#[test]
fn a_box_is_covariant() {
    fn shorten<'short>(long: ArenaBox<'static, &'static str>, _: &'short str) -> ArenaBox<'short, &'short str> {
        long
    }
    let place = Box::into_raw(Box::new(Arena::new()));
    // SAFETY: it stays until the end.
    let arena: &'static Arena = unsafe { &*place };
    let text = String::from("text");
    assert_eq!(*shorten(arena.alloc("long"), &text), "long");
    // SAFETY: it came from a box, and what was placed in it is gone.
    drop(unsafe { Box::from_raw(place) });
}
