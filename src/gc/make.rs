//! Making objects.

use std::marker::PhantomData;
use std::mem::{align_of, needs_drop, size_of};
use std::ptr::{self, NonNull};

use super::Gc;
use crate::collect;
use crate::heap::class::{Fit, NO_CLASS, fit};
use crate::heap::{self, EPOCH, with_cache};
use crate::object::{HEADER, Header, Meta, TypeInfo, flag};
use crate::special::Record;
use crate::sync::atomic::Ordering;
use crate::trace::{Trace, Tracer};
use crate::weak::Weak;

/// A zero-sized value takes a byte, so that a reference to it leads to its object and to no other.
const fn room(size: usize) -> usize {
    if size == 0 { 1 } else { size }
}

struct One<T>(PhantomData<T>);

impl<T: Trace + 'static> One<T> {
    const FIT: Fit = fit(room(size_of::<T>()), align_of::<T>());
    const INFO: &'static TypeInfo = &TypeInfo {
        drop: Self::drop,
        trace: Self::trace,
        needs_drop: needs_drop::<T>(),
        class: Self::FIT.warm_class(),
        name: std::any::type_name::<T>,
    };

    unsafe fn drop(value: NonNull<u8>) {
        // SAFETY: the caller owns the object, whose value is a `T`.
        unsafe { value.cast::<T>().drop_in_place() }
    }

    unsafe fn trace(value: NonNull<u8>, tracer: &mut Tracer<'_>) {
        // SAFETY: the caller found the object alive, and its value is a `T`.
        unsafe { value.cast::<T>().as_ref() }.trace(tracer);
    }
}

/// An object of a slice: the number of elements stands in the last word of the slot.
struct Slice<T>(PhantomData<T>);

impl<T: Trace + 'static> Slice<T> {
    const INFO: &'static TypeInfo = &TypeInfo {
        drop: Self::drop,
        trace: Self::trace,
        needs_drop: needs_drop::<T>(),
        class: NO_CLASS,
        name: std::any::type_name::<[T]>,
    };

    unsafe fn elements(value: NonNull<u8>) -> NonNull<[T]> {
        // SAFETY: the caller has the value of an object of this type, and `make_slice` wrote its length.
        unsafe { NonNull::slice_from_raw_parts(value.cast(), length_place(Header::of(value)).read()) }
    }

    unsafe fn drop(value: NonNull<u8>) {
        // SAFETY: the caller owns the object, whose value is a `[T]`.
        unsafe { Self::elements(value).drop_in_place() }
    }

    unsafe fn trace(value: NonNull<u8>, tracer: &mut Tracer<'_>) {
        // SAFETY: the caller found the object alive, and its value is a `[T]`.
        unsafe { Self::elements(value).as_ref() }.trace(tracer);
    }
}

/// Where the length of a slice is kept.
///
/// # Safety
///
/// `header` is that of an object of a slice, or of a slot that is to be one.
unsafe fn length_place(header: NonNull<Header>) -> NonNull<usize> {
    // SAFETY: *slot layout*: slots are at least 8-aligned, of a size that is a multiple of 8; the slice left a word free
    // at the end.
    unsafe { header.cast::<u8>().add(heap::slot_bytes(header) - size_of::<usize>()).cast() }
}

/// Takes a slot for a value of `size` bytes.
#[inline]
fn slot(place: Fit, size: usize, align: usize) -> NonNull<Header> {
    if let Fit::Small(class) = place {
        if let Some(slot) = with_cache(|cache| cache.take(class)) {
            return slot;
        }
    }
    slot_slow(place, size, align)
}

#[cold]
#[inline(never)]
fn slot_slow(place: Fit, size: usize, align: usize) -> NonNull<Header> {
    collect::before_growth();
    let slot = with_cache(|cache| match place {
        Fit::Small(class) => cache.take_slow(class),
        Fit::Large(lead) => cache.take_large(HEADER.checked_add(size)?, lead),
    });
    slot.unwrap_or_else(|| {
        let layout = std::alloc::Layout::from_size_align(size, align).unwrap_or(std::alloc::Layout::new::<u8>());
        std::alloc::handle_alloc_error(layout)
    })
}

/// Makes the value in a slot an object, with one handle.
///
/// # Safety
///
/// The slot is the caller's, and its value has been written.
#[inline]
unsafe fn publish(slot: NonNull<Header>, info: &'static TypeInfo, leaf: bool) {
    let flags = if leaf { flag::LEAF } else { 0 };
    // SAFETY: the slot is the caller's. Release: whoever enumerates slots and sees the object sees its value.
    unsafe {
        slot.as_ref().count.renew(heap::me(), leaf);
        slot.as_ref().set_meta(Meta::live(info, EPOCH.hint().birth(), flags), Ordering::Release);
    }
}

impl<T: Trace + Send + Sync + 'static> Gc<T> {
    /// Moves a value into a new object of the traced heap.
    ///
    /// Takes a slot from the thread's cache: no lock and no atomic read-modify-write.
    ///
    /// ```
    /// use tracegc::Gc;
    ///
    /// let answer = Gc::new(42);
    /// assert_eq!(*answer, 42);
    /// ```
    ///
    /// Out of memory ends in [`handle_alloc_error`](std::alloc::handle_alloc_error), as for a `Box`.
    #[inline]
    pub fn new(value: T) -> Self {
        let slot = slot(One::<T>::FIT, room(size_of::<T>()), align_of::<T>());
        // SAFETY: the slot is new, large enough and aligned for a `T`.
        unsafe {
            let place = Header::value(slot).cast::<T>();
            place.write(value);
            publish(slot, One::<T>::INFO, !T::has_edges());
            Gc::from_counted(place)
        }
    }

    /// Makes an object that holds a [`Weak`] pointer to itself. The pointer is dead until the value is complete.
    ///
    /// ```
    /// use tracegc::{Gc, Trace, Weak};
    ///
    /// #[derive(Trace)]
    /// struct Window {
    ///     this: Weak<Window>,
    /// }
    ///
    /// let window = Gc::new_cyclic(|this| {
    ///     assert!(this.upgrade().is_none());
    ///     Window { this: this.clone() }
    /// });
    /// assert!(Gc::ptr_eq(&window, &window.this.upgrade().unwrap()));
    /// ```
    pub fn new_cyclic<F>(make: F) -> Self
    where
        F: FnOnce(&Weak<T>) -> T,
    {
        let slot = slot(One::<T>::FIT, room(size_of::<T>()), align_of::<T>());
        let unborn = Unborn(slot);
        let record = Record::unborn();
        record.downgrade();
        // SAFETY: the weak pointer was just counted; the record leads to no object yet.
        let weak = unsafe { Weak::from_counted(record.clone(), Header::value(slot).cast::<T>().as_ptr()) };
        let value = make(&weak);
        std::mem::forget(unborn);
        // SAFETY: the slot is new, large enough and aligned for a `T`; the record is in no table yet.
        unsafe {
            let place = Header::value(slot).cast::<T>();
            place.write(value);
            publish(slot, One::<T>::INFO, !T::has_edges());
            let this = Gc::from_counted(place);
            Record::bear(record, slot);
            this
        }
    }
}

impl<T: Trace + Send + Sync + 'static> Gc<T> {
    /// Moves the value at `source` into a new object, without a stop on the stack.
    ///
    /// # Safety
    ///
    /// `source` is a `T` that may be read, and that nobody uses afterwards.
    pub(crate) unsafe fn moved_from(source: NonNull<T>) -> Self {
        let slot = slot(One::<T>::FIT, room(size_of::<T>()), align_of::<T>());
        // SAFETY: the slot is new, large enough and aligned for a `T`, and lies elsewhere than the source.
        unsafe {
            let place = Header::value(slot).cast::<T>();
            place.copy_from_nonoverlapping(source, 1);
            publish(slot, One::<T>::INFO, !T::has_edges());
            Gc::from_counted(place)
        }
    }
}

impl<T: Trace + Send + Sync + 'static> Gc<[T]> {
    /// Moves the elements at `source` into a new object.
    ///
    /// # Safety
    ///
    /// As for a single value.
    pub(crate) unsafe fn moved_from(source: NonNull<[T]>) -> Self {
        // SAFETY: every element is read once.
        make_slice(source.len(), |index| unsafe { source.cast::<T>().add(index).read() })
    }
}

/// Gives a slot back whose value was never written.
struct Unborn(NonNull<Header>);

impl Drop for Unborn {
    fn drop(&mut self) {
        // SAFETY: the slot holds nothing, and nobody knows of it.
        unsafe { heap::free(self.0) };
    }
}

/// Makes an object of a slice of at most `len` elements, which `fill` writes one after another.
///
/// # Panics
///
/// If the size overflows.
fn make_slice<T>(len: usize, mut next: impl FnMut(usize) -> T) -> Gc<[T]>
where
    T: Trace + Send + Sync + 'static,
{
    /// Drops what was written so far, if making the rest panics.
    struct Partly<T> {
        slot: Unborn,
        done: usize,
        _elements: PhantomData<T>,
    }
    impl<T> Drop for Partly<T> {
        fn drop(&mut self) {
            // SAFETY: so many elements were written.
            unsafe {
                let first = Header::value(self.slot.0).cast::<T>();
                ptr::slice_from_raw_parts_mut(first.as_ptr(), self.done).drop_in_place();
            }
        }
    }
    let bytes =
        size_of::<T>().checked_mul(len).and_then(|b| b.checked_next_multiple_of(8)?.checked_add(size_of::<usize>()));
    let bytes = bytes.filter(|&bytes| bytes < isize::MAX as usize / 2).expect("capacity overflow");
    let place = fit(bytes, align_of::<T>());
    let slot = slot(place, bytes, align_of::<T>());
    let mut partly = Partly { slot: Unborn(slot), done: 0, _elements: PhantomData::<T> };
    // SAFETY: the slot is new, large enough for the elements and the length, and aligned for a `T`.
    unsafe {
        let first = Header::value(slot).cast::<T>();
        for index in 0..len {
            first.add(index).write(next(index));
            partly.done += 1;
        }
        std::mem::forget(partly);
        length_place(slot).write(len);
        publish(slot, Slice::<T>::INFO, !T::has_edges());
        Gc::from_counted(NonNull::slice_from_raw_parts(first, len))
    }
}

impl<T: Trace + Send + Sync + 'static> FromIterator<T> for Gc<[T]> {
    /// Collects the elements into one object. They are gathered in a `Vec` first.
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        elements.into_iter().collect::<Vec<T>>().into()
    }
}

impl<T: Trace + Send + Sync + 'static> From<Vec<T>> for Gc<[T]> {
    /// Moves the elements into one object.
    fn from(elements: Vec<T>) -> Self {
        let len = elements.len();
        let mut elements = elements.into_iter();
        make_slice(len, |_| elements.next().expect("as many as the length says"))
    }
}

impl<T: Trace + Send + Sync + 'static> From<Box<[T]>> for Gc<[T]> {
    fn from(elements: Box<[T]>) -> Self {
        elements.into_vec().into()
    }
}

impl<T: Trace + Send + Sync + 'static, const N: usize> From<[T; N]> for Gc<[T]> {
    fn from(elements: [T; N]) -> Self {
        let mut elements = elements.into_iter();
        make_slice(N, |_| elements.next().expect("as many as the length says"))
    }
}

impl<T: Trace + Send + Sync + Clone + 'static> From<&[T]> for Gc<[T]> {
    fn from(elements: &[T]) -> Self {
        make_slice(elements.len(), |index| elements[index].clone())
    }
}

impl From<&str> for Gc<str> {
    /// Copies the string into an object.
    fn from(text: &str) -> Self {
        let bytes: Gc<[u8]> = text.as_bytes().into();
        let bytes = std::mem::ManuallyDrop::new(bytes);
        let value = NonNull::new(bytes.value.as_ptr() as *mut str).expect("a value has an address");
        // SAFETY: the handle is taken over; the bytes are those of a `str`, which has the same layout.
        unsafe { Gc::from_counted(value) }
    }
}

impl From<String> for Gc<str> {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<Box<str>> for Gc<str> {
    fn from(text: Box<str>) -> Self {
        (&*text).into()
    }
}

impl From<std::borrow::Cow<'_, str>> for Gc<str> {
    fn from(text: std::borrow::Cow<'_, str>) -> Self {
        (&*text).into()
    }
}
