//! Functions to look at the instructions of, for `benches/deref-asm.sh`: each once for `Arc` and once for `Gc`.

use std::{hint::black_box, sync::Arc};

use tracegc::Gc;
use tracegc_peers::contenders::{ArcListNode, GcListNode};

#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn field_of_arc(node: &Arc<ArcListNode>) -> u64 {
    node.value
}

#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn field_of_gc(node: &Gc<GcListNode>) -> u64 {
    node.value
}

#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn sum_of_arc(mut node: &Arc<ArcListNode>) -> u64 {
    let mut total = 0u64;
    loop {
        total = total.wrapping_add(node.value);
        match &node.tail {
            Some(tail) => node = tail,
            None => return total,
        }
    }
}

#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn sum_of_gc(mut node: &Gc<GcListNode>) -> u64 {
    let mut total = 0u64;
    loop {
        total = total.wrapping_add(node.value);
        match &node.tail {
            Some(tail) => node = tail,
            None => return total,
        }
    }
}

fn main() {
    let arc = Arc::new(ArcListNode { value: 1, tail: None });
    let gc = Gc::new(GcListNode { value: 1, tail: None });
    println!("{}", field_of_arc(black_box(&arc)) + field_of_gc(black_box(&gc)));
    println!("{}", sum_of_arc(black_box(&arc)) + sum_of_gc(black_box(&gc)));
}
