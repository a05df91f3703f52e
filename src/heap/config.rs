//! Settings.

use std::time::Duration;

use crate::sync::{Mutex, global};

/// What decides when collections run and how many threads run cleanups.
///
/// ```
/// use tracegc::heap::{self, Config};
///
/// let old = heap::config();
/// heap::set_config(Config { gc_percent: Some(50), ..old });
/// assert_eq!(heap::config().gc_percent, Some(50));
/// heap::set_config(old);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How much the heap may grow, in percent of what survived the last collection of the whole heap, before the next
    /// one. `None` switches collections by growth, by candidates and by period off; [`collect`](crate::collect()) and
    /// the memory limit still work.
    pub gc_percent: Option<u32>,
    /// Bytes of spans beyond which the whole heap is collected before it grows further; at most once while nothing
    /// changes. The limit is soft: a heap that holds more live data grows beyond it.
    pub memory_limit: Option<usize>,
    /// The longest time between two collections of a heap in which anything may have died.
    pub period: Duration,
    /// The most threads that run cleanups at once. At least 1.
    pub workers: usize,
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Config { gc_percent: Some(100), memory_limit: None, period: Duration::from_secs(120), workers: cores.max(2) }
    }
}

global! {
    static CONFIG: Mutex<Option<Config>> = Mutex::new(None);
}

/// The settings in force.
///
/// ```
/// assert!(tracegc::heap::config().workers >= 2);
/// ```
pub fn config() -> Config {
    CONFIG.lock().unwrap_or_default()
}

/// Changes the settings, for the whole process.
///
/// ```
/// use tracegc::heap;
/// use std::time::Duration;
///
/// heap::set_config(heap::Config { period: Duration::from_secs(10), ..heap::config() });
/// # heap::set_config(heap::Config::default());
/// ```
pub fn set_config(config: Config) {
    let config = Config { workers: config.workers.max(1), ..config };
    *CONFIG.lock() = Some(config);
    crate::cleanup::set_max_workers(config.workers);
    crate::collect::settings_changed(&config);
}
