//! Arenas: values that die together.
//!
//! An arena places values one below the other in chunks of the page heap (`chunk`). Nothing of it is seen by the
//! collector: handles in its values are external handles like those on a stack.

mod boxed;
mod chunk;
mod promote;
mod quarantine;
mod reserve;
mod slices;
mod traits;

pub use boxed::ArenaBox;
pub(crate) use reserve::trim_idle;

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::heap::segment::PAGE;
use chunk::{Chunks, MAX_ALIGN};

/// Bytes of a chunk, unless asked otherwise.
const CHUNK: usize = 64 << 10;
/// Values up to this size are not large in any arena: the smallest chunk is one page.
const NEVER_LARGE: usize = PAGE / 4;

/// Memory for values that die together.
///
/// Placing a value takes a few instructions, and freeing them all takes a few for each chunk. An [`ArenaBox`] owns its
/// value as a `Box` does, but borrows the arena, so nothing of it can be used after the arena is gone: that does not
/// compile. Dropping a box drops its value; its memory comes back only with the arena's. A value whose box is
/// [leaked](ArenaBox::leak) or forgotten is not dropped.
///
/// ```
/// use tracegc::Arena;
///
/// let arena = Arena::new();
/// let mut numbers = arena.alloc_slice_copy(&[3, 1, 2]);
/// numbers.sort();
/// assert_eq!(*numbers, [1, 2, 3]);
/// drop(numbers);
/// arena.free();
/// ```
///
/// # When to use it
///
/// For many values that are made in one phase of a program, a request or a frame say, and are not needed after it.
/// What outlives the phase is moved out by [`ArenaBox::into_inner`] or [`ArenaBox::into_gc`]. For values that refer to
/// each other, [leak](ArenaBox::leak) them into plain references:
///
/// ```
/// use std::cell::Cell;
/// use tracegc::{Arena, ArenaBox};
///
/// struct Node<'a> {
///     next: Cell<Option<&'a Node<'a>>>,
/// }
///
/// let arena = Arena::new();
/// let a = &*ArenaBox::leak(arena.alloc(Node { next: Cell::new(None) }));
/// let b = &*ArenaBox::leak(arena.alloc(Node { next: Cell::new(Some(a)) }));
/// a.next.set(Some(b));
/// assert!(std::ptr::eq(a.next.get().unwrap().next.get().unwrap(), a));
/// ```
///
/// # Handles and cleanups
///
/// A value can hold [`Gc`](crate::Gc) handles. The collector does not look into arenas, so each keeps its object alive
/// until it is dropped: for ever, if the value is leaked.
///
/// There are no cleanups, finalizers or weak pointers for values in an arena: [`add_cleanup`](crate::add_cleanup())
/// gives [`CleanupError::ArenaAllocated`](crate::CleanupError::ArenaAllocated). Promote the value to a `Gc` first.
///
/// # Threads
///
/// An arena can be sent to another thread, but is used by one at a time; each thread can have its own, which costs one
/// lock for each chunk. Boxes can be sent wherever their values can, as long as the arena stays.
///
/// # Memory
///
/// Chunks are taken from the traced heap and counted in [`HeapStats::span_bytes`](crate::heap::HeapStats::span_bytes).
/// A value of more than a quarter of a chunk gets a span of its own, rounded up to pages. Up to 4 MiB of chunks of
/// dropped arenas are kept for others until [`heap::trim`](crate::heap::trim()) or [`collect`](crate::collect()) gives
/// them back. Running out of memory ends in [`handle_alloc_error`](std::alloc::handle_alloc_error), as for a `Box`.
pub struct Arena {
    /// Values are placed below this address, and not below `floor`. Both are null if there is no chunk.
    next: Cell<*mut u8>,
    /// The current chunk: a multiple of `MAX_ALIGN`, with provenance over the segment.
    floor: Cell<*mut u8>,
    chunks: RefCell<Chunks>,
}

// SAFETY: boxes and references into the arena borrow it, so when it is moved to another thread there are none. What is
// left of values then is bytes that are never looked at again.
unsafe impl Send for Arena {}

// A panic in a closure that makes a value comes before or after the arena is changed, never between.
impl std::panic::RefUnwindSafe for Arena {}

/// The alignment of a type, if an arena can give it.
struct Aligned<T>(PhantomData<T>);

impl<T> Aligned<T> {
    const CHECKED: () = assert!(
        align_of::<T>() <= MAX_ALIGN,
        "an arena aligns values to at most 4096 bytes; put a value of larger alignment into a `Box`"
    );
}

impl Arena {
    /// An arena with chunks of 64 KiB. It takes no memory before the first value.
    ///
    /// ```
    /// let arena = tracegc::Arena::new();
    /// assert_eq!(arena.chunk_bytes(), 0);
    /// ```
    pub const fn new() -> Self {
        Self::of_chunks(CHUNK)
    }

    /// An arena with chunks of `bytes` bytes, rounded up to pages of 8 KiB.
    ///
    /// ```
    /// let arena = tracegc::Arena::with_chunk_size(1 << 20);
    /// arena.alloc(1);
    /// assert_eq!(arena.chunk_bytes(), 1 << 20);
    /// ```
    ///
    /// # Panics
    ///
    /// If `bytes` exceeds `isize::MAX`.
    pub fn with_chunk_size(bytes: usize) -> Self {
        assert!(isize::try_from(bytes).is_ok(), "capacity overflow");
        Self::of_chunks(bytes.max(1).next_multiple_of(PAGE))
    }

    const fn of_chunks(bytes: usize) -> Self {
        Arena {
            next: Cell::new(ptr::null_mut()),
            floor: Cell::new(ptr::null_mut()),
            chunks: RefCell::new(Chunks::new(bytes)),
        }
    }

    /// Moves a value into the arena.
    ///
    /// ```
    /// use tracegc::Arena;
    ///
    /// let arena = Arena::new();
    /// let mut name = arena.alloc(String::from("Ann"));
    /// name.push('a');
    /// assert_eq!(*name, "Anna");
    /// ```
    ///
    /// A type of an alignment above 4096 bytes does not compile:
    ///
    /// ```compile_fail,E0080
    /// #[repr(align(8192))]
    /// struct Wide(u8);
    ///
    /// tracegc::Arena::new().alloc(Wide(1));
    /// ```
    #[inline]
    pub fn alloc<T>(&self, value: T) -> ArenaBox<'_, T> {
        self.alloc_with(|| value)
    }

    /// Moves the result of `make` into the arena. A large value is more likely to be made in its place than with
    /// [`alloc`](Arena::alloc).
    ///
    /// `make` may use the arena, too. If it panics, the place is lost until the arena is reset or freed.
    ///
    /// ```
    /// use tracegc::Arena;
    ///
    /// let arena = Arena::new();
    /// let table = arena.alloc_with(|| [0_u64; 1000]);
    /// assert_eq!(table.len(), 1000);
    /// ```
    #[inline]
    pub fn alloc_with<T>(&self, make: impl FnOnce() -> T) -> ArenaBox<'_, T> {
        let () = Aligned::<T>::CHECKED;
        let place = self.reserve(Layout::new::<T>()).cast::<T>();
        // SAFETY: the place is new, large enough and aligned for a `T`, and stays while the arena is borrowed.
        unsafe {
            place.write(make());
            ArenaBox::from_place(place)
        }
    }

    /// Bytes for a value of this layout, which stay while the arena is borrowed. The alignment is at most `MAX_ALIGN`.
    #[inline]
    fn reserve(&self, layout: Layout) -> NonNull<u8> {
        // A zero-sized value takes a byte, so that a reference to it leads into the arena.
        let size = layout.size().max(1);
        if size > NEVER_LARGE {
            return self.reserve_slow(size, layout);
        }
        match self.bump(size, layout.align()) {
            Some(place) => place,
            None => self.reserve_slow(size, layout),
        }
    }

    /// The same within the current chunk, if it has so much room.
    #[inline]
    fn bump(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let next = self.next.get();
        if size > next.addr() - self.floor.get().addr() {
            return None;
        }
        // Not below the floor, which is a multiple of the alignment.
        let place = next.map_addr(|addr| (addr - size) & !(align - 1));
        self.next.set(place);
        // SAFETY: it is not below the floor, and that is not null: there are `size` bytes above it, which is not 0.
        Some(unsafe { NonNull::new_unchecked(place) })
    }

    #[cold]
    #[inline(never)]
    fn reserve_slow(&self, size: usize, layout: Layout) -> NonNull<u8> {
        let used = self.used();
        let mut chunks = self.chunks.borrow_mut();
        if chunks.is_large(size) {
            return chunks.large(size, layout);
        }
        if let Some(place) = self.bump(size, layout.align()) {
            return place;
        }
        let chunk = chunks.next(used, layout);
        self.floor.set(chunk.base().as_ptr());
        self.next.set(chunk.top().as_ptr());
        self.bump(size, layout.align()).expect("a chunk has room for a value of a quarter of it")
    }

    /// Bytes that were handed out of the current chunk.
    fn used(&self) -> usize {
        let top = self.chunks.borrow().top();
        top.map_or(0, |top| top.addr().get() - self.next.get().addr())
    }

    /// Forgets all values and starts anew with the chunks that are there. The spans of large values are given back.
    ///
    /// There can be no boxes left: they borrow the arena. Nothing is dropped here; values that were leaked or forgotten
    /// never are.
    ///
    /// ```
    /// use tracegc::Arena;
    ///
    /// let mut arena = Arena::new();
    /// for frame in 0..100 {
    ///     let _scratch = arena.alloc([frame; 1000]);
    ///     # drop(_scratch);
    ///     arena.reset();
    /// }
    /// assert_eq!(arena.allocated_bytes(), 0);
    /// ```
    pub fn reset(&mut self) {
        self.next.set(ptr::null_mut());
        self.floor.set(ptr::null_mut());
        self.chunks.get_mut().reset();
    }

    /// Frees the arena with all that is in it. Dropping it does the same.
    ///
    /// ```
    /// use tracegc::Arena;
    ///
    /// let arena = Arena::new();
    /// assert_eq!(*arena.alloc(1), 1);
    /// arena.free();
    /// ```
    pub fn free(self) {
        drop(self);
    }

    /// Bytes that were handed out since the start or the last reset, with the gaps that alignment takes.
    ///
    /// ```
    /// let arena = tracegc::Arena::new();
    /// arena.alloc([0_u8; 100]);
    /// assert!(arena.allocated_bytes() >= 100);
    /// ```
    pub fn allocated_bytes(&self) -> usize {
        self.chunks.borrow().filled() + self.used()
    }

    /// Bytes of all chunks that the arena has, those included that wait since a reset. Takes time in proportion to the
    /// number of chunks.
    ///
    /// ```
    /// let arena = tracegc::Arena::new();
    /// arena.alloc(1);
    /// assert_eq!(arena.chunk_bytes(), 64 << 10);
    /// ```
    pub fn chunk_bytes(&self) -> usize {
        self.chunks.borrow().bytes()
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.chunks.get_mut().release();
    }
}

impl Default for Arena {
    fn default() -> Self {
        Arena::new()
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("allocated_bytes", &self.allocated_bytes())
            .field("chunk_bytes", &self.chunk_bytes())
            .finish()
    }
}
