use tracegc::Arena;

fn main() {
    let mut arena = Arena::new();
    let scratch = arena.alloc_slice_copy(&[1, 2, 3]);
    arena.reset();
    println!("{}", scratch.len());
}
