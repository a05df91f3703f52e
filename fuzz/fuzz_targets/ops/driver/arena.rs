//! Values in an arena: to be promoted, dropped, moved out. They last for one operation, the arena for many.

use tracegc::{Arena, ArenaBox, Gc};

use super::Driver;
use crate::model::Object;
use crate::objects::{Body, Handle, OnDrop, Part, Plain, text};
use crate::op::{Act, End, Pick, Value};

impl Driver {
    pub(super) fn in_arena(&mut self, value: Value, end: End) {
        let arena = self.arena.take().unwrap_or_default();
        // Neighbours, which nobody may overwrite.
        let before = arena.alloc_slice_copy(&[self.steps; 3]);
        let place = ArenaBox::leak(arena.alloc(self.steps as u64));
        match value {
            Value::Node { fixed } => self.node_in(&arena, fixed, end),
            Value::Slice { len } => self.slice_in(&arena, usize::from(len), end),
            Value::Text { len } => self.text_in(&arena, usize::from(len), end),
        }
        let after = arena.alloc(self.steps);
        assert_eq!((&*before, *place, *after), (&[self.steps; 3][..], self.steps as u64, self.steps));
        drop((before, after));
        self.arena = Some(arena);
    }

    pub(super) fn reset_arena(&mut self, free: bool) {
        match &mut self.arena {
            Some(_) if free => self.arena = None,
            Some(arena) => arena.reset(),
            None => self.arena = Some(Arena::with_chunk_size(1 << 12)),
        }
    }

    fn node_in(&mut self, arena: &Arena, fixed: Option<Pick>, end: End) {
        let id = self.new_id();
        let (fixed, fixed_id) = self.field(fixed).unzip();
        let mut body = Body::new(id, &self.ledger, OnDrop { act: Act::Nothing, weak: None });
        body.fixed = fixed;
        let value = arena.alloc(Plain::new(id, body));
        assert_eq!(value.id(), id);
        let object = Object { parts: 2, cells: vec![None; 2], fixed: fixed_id, ..Object::default() };
        match end {
            End::Promote => self.made(Handle::Plain(ArenaBox::into_gc(value)), object),
            End::Drop => self.gone(object, || drop(value)),
            End::MoveOut => {
                let value = ArenaBox::into_inner(value);
                assert_eq!(value.id(), id);
                self.made(Handle::Plain(Gc::new(value)), object);
            }
        }
    }

    fn slice_in(&mut self, arena: &Arena, parts: usize, end: End) {
        let id = self.new_id();
        let value = arena.alloc_slice_fill_with(parts, |_| Part::new(id, &self.ledger));
        assert_eq!(value.len(), parts);
        let object = Object { parts, cells: vec![None; parts], ..Object::default() };
        match end {
            End::Promote | End::MoveOut => self.made(Handle::Slice(ArenaBox::into_gc(value)), object),
            End::Drop => self.gone(object, || drop(value)),
        }
    }

    fn text_in(&mut self, arena: &Arena, len: usize, end: End) {
        let id = self.new_id();
        let value = arena.alloc_str(&text(id, len));
        match end {
            End::Promote | End::MoveOut => self.made(Handle::Text(ArenaBox::into_gc(value)), Object::default()),
            End::Drop => self.gone(Object::default(), || drop(value)),
        }
    }

    /// A value that never became an object is dropped.
    fn gone(&mut self, object: Object, drop: impl FnOnce()) {
        let id = self.model.add(object);
        drop();
        self.model.release(id);
    }
}
