//! What `#[derive(Trace)]` accepts, and what the types that derive it say of their edges.

#![cfg(feature = "derive")]
#![deny(unsafe_code, warnings, clippy::all, clippy::pedantic)]
#![allow(dead_code)]

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use tracegc::{Gc, Trace, Weak};

fn edges<T: Trace>() -> bool {
    T::has_edges()
}

#[test]
fn structs_of_every_form() {
    #[derive(Trace)]
    struct Unit;
    #[derive(Trace)]
    struct Empty {}
    #[derive(Trace)]
    struct Named {
        count: u32,
        name: String,
    }
    #[derive(Trace)]
    struct Tuple(u32, Gc<Named>);

    assert!(!edges::<Unit>());
    assert!(!edges::<Empty>());
    assert!(!edges::<Named>());
    assert!(edges::<Tuple>());
    let named = Gc::new(Named { count: 1, name: "one".into() });
    assert_eq!(Gc::new(Tuple(2, named)).1.count, 1);
}

#[test]
fn enums_of_every_form() {
    #[derive(Trace)]
    enum Never {}
    #[derive(Trace)]
    enum Plain {
        A,
        B = 7,
    }
    #[derive(Trace)]
    enum Tree {
        Leaf,
        Value(u64),
        Inner { left: Gc<Tree>, right: Gc<Tree> },
    }

    assert!(!edges::<Never>());
    assert!(!edges::<Plain>());
    assert!(edges::<Tree>());
    let leaf = Gc::new(Tree::Leaf);
    let value = Gc::new(Tree::Value(3));
    let tree = Gc::new(Tree::Inner { left: leaf, right: value });
    assert!(matches!(&*tree, Tree::Inner { right, .. } if matches!(**right, Tree::Value(3))));
}

#[test]
fn a_type_that_holds_only_weak_handles_has_no_edges() {
    #[derive(Trace)]
    struct Child {
        parent: Weak<Child>,
    }

    assert!(!edges::<Child>());
}

#[test]
fn skipped_fields_neither_need_trace_nor_count_as_edges() {
    struct Foreign;
    #[derive(Trace)]
    struct Skips {
        #[trace(skip)]
        foreign: Foreign,
        #[trace(skip)]
        handle: Option<Gc<Skips>>,
        plain: u8,
    }
    #[derive(Trace)]
    enum SkipsToo {
        Tuple(#[trace(skip)] Foreign, u8),
        Named {
            #[trace(skip)]
            foreign: Foreign,
            plain: u8,
        },
    }

    assert!(!edges::<Skips>());
    assert!(!edges::<SkipsToo>());
}

#[test]
fn recursive_types_have_an_answer() {
    #[derive(Trace)]
    struct Chain {
        next: Option<Box<Chain>>,
    }
    #[derive(Trace)]
    struct Directory {
        children: HashMap<String, Directory>,
        all: Vec<Directory>,
        mutual: Vec<(u8, File)>,
    }
    #[derive(Trace)]
    struct File {
        parent: Option<Box<Directory>>,
    }
    #[derive(Trace)]
    struct Cyclic {
        peers: Mutex<Vec<Gc<Cyclic>>>,
        once: OnceLock<Gc<Self>>,
    }

    // They own memory, and the question stops there: `true` may be too much, never too little.
    assert!(edges::<Chain>());
    assert!(edges::<Directory>());
    assert!(edges::<File>());
    assert!(edges::<Cyclic>());
    drop(Gc::new(Cyclic { peers: Mutex::default(), once: OnceLock::new() }));
}

#[test]
fn generic_types_answer_as_their_arguments() {
    #[derive(Trace)]
    struct Pair<A, B>(A, B);
    #[derive(Trace)]
    struct Buffer<T, const N: usize>
    where
        T: Copy,
    {
        data: [T; N],
    }
    #[derive(Trace)]
    struct Defaulted<T = u32> {
        value: Option<T>,
    }
    #[derive(Trace)]
    enum Either<L, R> {
        Left(L),
        Right(R),
    }

    assert!(!edges::<Pair<u8, String>>());
    assert!(edges::<Pair<u8, Gc<u8>>>());
    assert!(!edges::<Buffer<u8, 16>>());
    assert!(!edges::<Defaulted>());
    assert!(edges::<Defaulted<Gc<u8>>>());
    assert!(edges::<Either<Gc<str>, ()>>());
    drop(Gc::new(Pair(Gc::new(1), RwLock::new(2))));
}

#[test]
fn where_clauses_are_kept() {
    #[derive(Trace)]
    struct Ordered<K, V>
    where
        Self: Sized,
        K: Ord,
    {
        map: std::collections::BTreeMap<K, V>,
    }

    assert!(!edges::<Ordered<u8, u8>>());
}

#[test]
fn unsized_last_fields() {
    #[derive(Trace)]
    struct Tail<T: ?Sized> {
        len: usize,
        tail: T,
    }
    #[derive(Trace)]
    struct TailWhere<T>
    where
        T: ?Sized,
    {
        tail: T,
    }
    #[derive(Trace)]
    struct Text {
        text: str,
    }
    #[derive(Trace)]
    struct Handles([Gc<u8>]);

    fn traced<T: Trace + ?Sized>() {}
    traced::<Tail<[Gc<u8>]>>();
    traced::<TailWhere<dyn Shape>>();
    traced::<Text>();
    traced::<Handles>();
    assert!(!edges::<Tail<u8>>());
    assert!(edges::<Tail<Gc<u8>>>());
    assert!(!edges::<TailWhere<u8>>());
}

trait Shape: Trace + Send + Sync {
    fn area(&self) -> u64;
}

#[derive(Trace)]
struct Square(u64);

impl Shape for Square {
    fn area(&self) -> u64 {
        self.0 * self.0
    }
}

#[test]
fn trait_objects_are_traced_through_their_supertrait() {
    #[derive(Trace)]
    struct Scene {
        shapes: Mutex<Vec<Box<dyn Shape>>>,
        selected: Option<Gc<dyn Shape>>,
    }

    assert!(edges::<Scene>());
    let scene = Gc::new(Scene { shapes: Mutex::default(), selected: None });
    scene.shapes.lock().unwrap().push(Box::new(Square(3)));
    assert_eq!(scene.shapes.lock().unwrap()[0].area(), 9);
}

#[test]
fn bounds_can_be_replaced() {
    struct NotTraced;
    #[derive(Trace)]
    #[trace(bound = "")]
    struct Typed<T> {
        id: u32,
        marker: PhantomData<fn() -> T>,
        #[trace(skip)]
        value: Option<T>,
    }
    trait Graph {
        type Label;
    }
    struct Roads;
    impl Graph for Roads {
        type Label = Gc<str>;
    }
    #[derive(Trace)]
    #[trace(bound = "G: Graph, G::Label: Trace,")]
    struct Labelled<G: Graph>(G::Label);
    #[derive(Trace)]
    #[trace(bound = "")]
    struct Shared<T>(Arc<T>);

    assert!(!edges::<Typed<NotTraced>>());
    assert!(!edges::<Shared<NotTraced>>());
    assert!(edges::<Labelled<Roads>>());
}

mod renamed {
    /// The crate as a macro of another crate would re-export it.
    pub(super) mod reexported {
        pub(crate) use tracegc as gc;
    }
}

#[test]
fn the_crate_can_be_found_elsewhere() {
    #[derive(Trace)]
    #[trace(crate = renamed::reexported::gc, bound = "T: renamed::reexported::gc::Trace")]
    struct Renamed<T> {
        value: T,
    }

    assert!(!edges::<Renamed<u8>>());
}

#[test]
fn unsafe_drop_allows_a_drop_impl() {
    #[derive(Trace)]
    #[trace(unsafe_drop)]
    struct Counted {
        dropped: Arc<Mutex<u32>>,
        next: Option<Gc<Counted>>,
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            *self.dropped.lock().unwrap() += 1;
        }
    }

    let dropped = Arc::default();
    drop(Gc::new(Counted { dropped: Arc::clone(&dropped), next: None }));
    assert_eq!(*dropped.lock().unwrap(), 1);
}

#[test]
fn pointers_and_references_need_no_attribute() {
    struct Foreign;
    #[derive(Trace)]
    struct Callbacks {
        parse: fn(&str) -> Option<&str>,
        hash: for<'a> fn(&'a [u8], &'a mut u64),
        plain: Option<fn(u32) -> u32>,
        optional: std::option::Option<fn(&str)>,
    }
    #[derive(Trace)]
    struct Pointers {
        name: &'static str,
        foreign: &'static Foreign,
        action: &'static (dyn Fn(&str) + Sync),
        unique: &'static mut Foreign,
        raw: *const Foreign,
        optional: Option<&'static Foreign>,
    }

    assert!(!edges::<Callbacks>());
    assert!(!edges::<Pointers>());
}

#[test]
fn deprecated_fields_and_raw_names_give_no_warning() {
    #[derive(Trace)]
    struct Old {
        #[deprecated]
        r#type: u8,
        tracer: u8,
        field_0: u8,
    }
    #[derive(Trace)]
    #[allow(clippy::large_enum_variant, clippy::module_name_repetitions)]
    enum OldToo {
        #[deprecated]
        Gone(u8, std::convert::Infallible),
        Here,
    }

    assert!(!edges::<Old>());
    assert!(!edges::<OldToo>());
}

#[test]
fn names_of_the_prelude_can_be_shadowed() {
    #[allow(clippy::items_after_statements)]
    mod hostile {
        type Option = ();
        struct Box;
        trait Drop {}
        mod core {}
        mod std {}
        fn needs_drop() {}

        #[derive(tracegc::Trace)]
        pub(super) struct Hostile<T: ?Sized, Trace> {
            option: Option,
            traced: Trace,
            tail: T,
        }
    }

    assert!(!edges::<hostile::Hostile<u8, u8>>());
}

macro_rules! declare {
    ($name:ident { $($field:ident: $ty:ty),* }) => {
        #[derive(Trace)]
        struct $name {
            $($field: $ty,)*
        }
    };
}

#[test]
fn types_that_a_macro_declares() {
    declare!(Declared { number: u32, handle: Gc<u32> });

    assert!(edges::<Declared>());
}
