use tracegc::Trace;

#[derive(Trace)]
#[trace(bound = "")]
struct Bounded<T: Clone, const N: usize>
where
    T: 'static,
{
    data: [std::sync::Arc<T>; N],
}

impl<T: Clone, const N: usize> Drop for Bounded<T, N>
where
    T: 'static,
{
    fn drop(&mut self) {}
}

fn main() {}
