//! Tests of the heap that look inside. The numbers are those of the list of behaviours.

use std::ptr::NonNull;

use super::class::{CLASSES, Fit, MAX_ALIGN, MAX_SMALL, SIZES, class_align, class_of, fit};
use super::pages::{PAGE_HEAP, pages_of_class};
use super::segment::{PAGE, SEGMENT, Segment, span_of};
use super::span::Kind;
use super::{Place, lookup};
use crate::object::{HEADER, Header};
use crate::sync::atomic::Ordering;
use crate::{CleanupError, Gc, add_cleanup};

fn header_of<T: ?Sized>(handle: &Gc<T>) -> NonNull<Header> {
    handle.header()
}

/// Bytes of the slot of a value of `size` bytes, in percent that are not the value's or the header's.
#[test]
fn h01_waste_is_at_most_an_eighth() {
    println!("slot  span KiB  slots  unused%  worst%");
    for class in 0..CLASSES {
        let size = SIZES[class];
        let span = pages_of_class(class) * PAGE;
        let slots = (span - (class_align(size).max(HEADER) - HEADER)) / size;
        let unused = 100.0 * (span - slots * size) as f64 / span as f64;
        // The smallest request that lands here.
        let smallest = if class == 0 { size } else { SIZES[class - 1] + 1 };
        let waste = size - smallest;
        let worst = 100.0 * waste as f64 / size as f64;
        println!("{size:5} {:8} {slots:6} {unused:8.2} {worst:7.2}", span >> 10);
        if size > 128 {
            assert!(8 * waste <= size, "slots of {size} bytes");
        } else {
            assert!(waste < 16, "slots of {size} bytes");
        }
        assert!(cfg!(miri) || unused <= 12.5, "spans of slots of {size} bytes");
        assert!(slots > 0);
    }
}

#[test]
fn h01_every_size_goes_into_the_smallest_class_that_holds_it() {
    let step = if cfg!(miri) { 61 } else { 1 };
    for size in (HEADER..=MAX_SMALL).step_by(step) {
        let class = class_of(size);
        assert!(SIZES[class] >= size, "{size}");
        assert!(class == 0 || SIZES[class - 1] < size, "{size}");
    }
    for align in (0..=MAX_ALIGN.trailing_zeros()).map(|shift| 1 << shift) {
        for size in [0, 1, 7, 8, 100, 1000, 4096, 5000, 60_000] {
            match fit(size, align) {
                Fit::Small(class) => {
                    assert!(SIZES[class] >= size + HEADER);
                    assert_eq!(class_align(SIZES[class]) % align, 0, "{size} {align}");
                }
                Fit::Large(lead) => assert_eq!((lead + HEADER) % align, 0, "{size} {align}"),
            }
        }
    }
}

/// What the heap says of every byte between two addresses, by the headers of the objects that are known to be there.
fn check_every_byte(objects: &[(NonNull<Header>, usize)], from: usize, to: usize, step: usize) {
    for address in (from..to).step_by(step) {
        let expected = objects.iter().find(|(header, bytes)| {
            let start = header.addr().get();
            (start + HEADER..start + bytes).contains(&address)
        });
        let expected = expected.map_or(Place::Outside, |(header, _)| Place::Heap(*header));
        assert_eq!(lookup(address), expected, "{address:x}");
    }
}

#[test]
fn h02_lookup_is_exact_for_every_byte_of_a_span() {
    /// Fills spans of one class, frees some objects, and looks at all bytes of one of the spans.
    fn check<const N: usize>() {
        // Objects of other threads may lie in no span of this one.
        let mut objects: Vec<Gc<[u8; N]>> = (0..if cfg!(miri) { 20 } else { 400 }).map(|_| Gc::new([7; N])).collect();
        // SAFETY: the object is held.
        let span = unsafe { span_of(header_of(&objects[objects.len() / 2])) };
        assert_eq!(span.kind(), Kind::Small);
        let slot = span.slot_size.load(Ordering::Relaxed) as usize;
        // Every third is freed: nobody's.
        let mut index = 0;
        objects.retain(|_| {
            index += 1;
            index % 3 != 0
        });
        let first = span.first().addr();
        let end = first + span.capacity.load(Ordering::Relaxed) as usize * slot;
        let there: Vec<_> = objects
            .iter()
            .map(|object| (header_of(object), slot))
            .filter(|(header, _)| (first..end).contains(&header.addr().get()))
            .collect();
        assert!(!there.is_empty());
        let step = if cfg!(miri) { 5 } else { 1 };
        for part in there.chunks(16) {
            // In parts, since the expected answer is searched for.
            let from = part[0].0.addr().get().min(part[part.len() - 1].0.addr().get());
            check_every_byte(&there, from, (from + 16 * slot).min(end), step);
        }
    }
    check::<1>();
    check::<8>();
    check::<9>();
    check::<24>();
    check::<100>();
    check::<128>();
    check::<333>();
    check::<1000>();
}

#[test]
fn h02_every_slot_of_every_class_is_found_from_its_first_and_last_byte() {
    for (class, &size) in SIZES.iter().enumerate() {
        let objects: Vec<Gc<[u8]>> =
            (0..5).map(|_| vec![3_u8; size.saturating_sub(HEADER + size_of::<usize>())].into()).collect();
        for object in &objects {
            let header = header_of(object);
            // SAFETY: the object is held.
            let span = unsafe { span_of(header) };
            if size > HEADER + size_of::<usize>() {
                assert_eq!(span.class(), class, "slots of {size} bytes");
            }
            let (start, slot) = (header.addr().get(), span.slot_size.load(Ordering::Relaxed) as usize);
            let index = span.index_of(header);
            assert_eq!(span.slot(index), header);
            assert_eq!(span.slot_at(start), Some((index, 0)));
            assert_eq!(span.slot_at(start + slot - 1), Some((index, slot - 1)));
            assert_eq!(lookup(start + HEADER), Place::Heap(header));
            assert_eq!(lookup(start + slot - 1), Place::Heap(header));
            assert_eq!(lookup(start), Place::Outside, "a header is nobody's");
            assert_ne!(lookup(start + slot), Place::Heap(header), "one past the end is a neighbour's, or nobody's");
            assert_ne!(lookup(start - 1), Place::Heap(header));
        }
    }
}

#[test]
fn h02_large_objects_and_what_is_around_them() {
    for size in [MAX_SMALL + 1, 3 * MAX_SMALL, SEGMENT / 2, SEGMENT + 5, 3 * SEGMENT] {
        let object: Gc<[u8]> = vec![1; size].into();
        let header = header_of(&object);
        let start = Gc::as_ptr(&object).cast::<u8>().addr();
        let step = (size / 1000).max(1);
        for address in (start..start + size).step_by(step).chain([start + size - 1]) {
            assert_eq!(lookup(address), Place::Heap(header), "{size}: {:x}", address - start);
        }
        assert_eq!(lookup(start - 1), Place::Outside);
        // SAFETY: the object is held.
        let segment = unsafe { Segment::of(header) };
        assert_eq!(lookup(segment.addr().get()), Place::Outside, "the head of the segment");
        drop(object);
        assert_ne!(lookup(start), Place::Heap(header), "freed");
    }
}

#[test]
fn h02_any_address_whatever() {
    let local = 0_u8;
    let boxed = Box::new(0_u64);
    let addresses = [0, 1, 16, 4096, SEGMENT - 1, SEGMENT, 1 << 46, (1 << 47) - 1, 1 << 47, 1 << 48, usize::MAX / 2]
        .into_iter()
        .chain([usize::MAX - 1, usize::MAX, (&raw const local).addr(), (&raw const *boxed).addr()])
        .chain([(&raw const PAGE_HEAP).addr(), (h02_any_address_whatever as fn()) as usize]);
    for address in addresses {
        assert_eq!(lookup(address), Place::Outside, "{address:x}");
    }
    let mut state = 1_usize;
    for _ in 0..if cfg!(miri) { 100 } else { 100_000 } {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        // No more than that nothing bad happens, for most of these are nobody's.
        let _ = lookup(state);
    }
}

#[test]
fn h02_a_chunk_is_no_object_and_refuses_cleanups() {
    let bytes = 4 * PAGE;
    let chunk = PAGE_HEAP.chunk(bytes).expect("memory");
    for address in (chunk.addr().get()..chunk.addr().get() + bytes).step_by(97) {
        assert_eq!(lookup(address), Place::ArenaChunk);
    }
    // SAFETY: the chunk is ours, aligned and large enough.
    let value: &'static u64 = unsafe {
        chunk.cast::<u64>().write(5);
        chunk.cast::<u64>().as_ref()
    };
    let error = add_cleanup(value, "back", |_| unreachable!()).unwrap_err();
    assert!(matches!(error, CleanupError::ArenaAllocated("back")));
    // SAFETY: the chunk is not used again.
    unsafe { PAGE_HEAP.give_back(chunk) };
    assert_ne!(lookup(chunk.addr().get()), Place::ArenaChunk);
}
