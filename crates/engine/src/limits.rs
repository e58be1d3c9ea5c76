//! Memory limits: one budget for all memories and tables of a store.

use wasmtime::{Module, ResourceLimiter};

/// Where memory is accounted: a process's quota, or one of several processes together.
pub trait MemoryBudget: Send {
    /// Takes `bytes` out of the budget if there are so many left.
    fn try_grow(&self, bytes: usize) -> bool;

    /// Gives `bytes` back that an earlier [`MemoryBudget::try_grow`] took.
    fn shrink(&self, bytes: usize);

    /// The whole budget in bytes, for messages; none when it is unlimited.
    fn limit(&self) -> Option<usize>;
}

/// How many of each thing a store may hold, whatever their size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreBounds {
    pub memories: usize,
    pub tables: usize,
    pub instances: usize,
    /// Elements in one table.
    pub table_elements: usize,
}

impl Default for StoreBounds {
    /// Far above what toolchains emit: one memory, one or two tables, one instance for a module;
    /// a component of ten linked ones has about a hundred instances and tables.
    fn default() -> StoreBounds {
        StoreBounds {
            memories: 64,
            tables: 1024,
            instances: 1024,
            table_elements: 10_000_000,
        }
    }
}

/// Why a program does not get the memory it starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// The memories a program declares do not fit.
    #[error(
        "the program needs {} of memory to start, and {} (raise the limit with --memory)",
        size(*needed),
        match limit {
            Some(limit) => format!("the limit is {}", size(*limit as u64)),
            None => "not so much is left".to_owned(),
        }
    )]
    InitialMemory { needed: u64, limit: Option<usize> },
    /// The tables a program declares do not fit.
    #[error(
        "the program needs tables of {needed} elements to start, and they do not fit into its \
         memory (raise the limit with --memory)"
    )]
    InitialTable { needed: u64 },
}

/// A size as people read it.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0 => "none".to_owned(),
        bytes if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        bytes => format!("{bytes} bytes"),
    }
}

/// Checks that the memories `module` declares fit into `limit` bytes, before anything is
/// allocated. Imported memories are not counted: whoever makes them is asked.
///
/// # Errors
///
/// [`LimitError::InitialMemory`].
pub fn check_initial_memory(module: &Module, limit: usize) -> Result<(), LimitError> {
    const PAGE_BYTES: u64 = 65536;
    let required = module.resources_required();
    // Wasmtime tells the largest memory in pages, not the sum; the limiter sums.
    let needed = required
        .max_initial_memory_size
        .unwrap_or(0)
        .saturating_mul(PAGE_BYTES);
    if needed > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(LimitError::InitialMemory {
            needed,
            limit: Some(limit),
        });
    }
    Ok(())
}

/// Charges everything a store allocates for its guest to one [`MemoryBudget`]: memories, tables
/// and the garbage-collected heap. Dropping it gives all of it back.
///
/// Until [`BudgetLimiter::started`] is called, an allocation that does not fit is a
/// [`LimitError`], found in the error of the instantiation by `downcast_ref`. After that,
/// `memory.grow` and `table.grow` answer -1, as the guest expects.
#[derive(Debug)]
pub struct BudgetLimiter<B: MemoryBudget> {
    budget: B,
    bounds: StoreBounds,
    /// Bytes taken from the budget.
    charged: usize,
    /// The largest `charged` was.
    peak: usize,
    /// The last growth, to undo when Wasmtime then fails to carry it out.
    last: usize,
    started: bool,
}

/// Wasmtime's tables hold a pointer or, for the largest kinds of element, two.
const TABLE_ELEMENT_BYTES: usize = 2 * size_of::<usize>();

impl<B: MemoryBudget> BudgetLimiter<B> {
    /// A limiter for one store.
    pub fn new(budget: B, bounds: StoreBounds) -> BudgetLimiter<B> {
        BudgetLimiter {
            budget,
            bounds,
            charged: 0,
            peak: 0,
            last: 0,
            started: false,
        }
    }

    /// Says that instantiation is over: from now on growth that does not fit fails softly.
    pub fn started(&mut self) {
        self.started = true;
    }

    /// Bytes in use.
    pub fn charged(&self) -> usize {
        self.charged
    }

    /// The most bytes that were in use at a time.
    pub fn peak(&self) -> usize {
        self.peak
    }

    fn take(&mut self, bytes: usize) -> bool {
        let taken = self.budget.try_grow(bytes);
        if taken {
            self.charged = self.charged.saturating_add(bytes);
            self.peak = self.peak.max(self.charged);
            self.last = bytes;
        }
        taken
    }

    fn undo(&mut self) {
        let bytes = std::mem::take(&mut self.last);
        self.budget.shrink(bytes);
        self.charged = self.charged.saturating_sub(bytes);
    }
}

impl<B: MemoryBudget> Drop for BudgetLimiter<B> {
    fn drop(&mut self) {
        self.budget.shrink(self.charged);
    }
}

impl<B: MemoryBudget> ResourceLimiter for BudgetLimiter<B> {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.last = 0;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if self.take(desired.saturating_sub(current)) {
            return Ok(true);
        }
        if self.started {
            return Ok(false);
        }
        let error = LimitError::InitialMemory {
            needed: u64::try_from(self.charged.saturating_add(desired)).unwrap_or(u64::MAX),
            limit: self.budget.limit(),
        };
        Err(wasmtime::Error::new(error))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.last = 0;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let bytes = desired
            .saturating_sub(current)
            .saturating_mul(TABLE_ELEMENT_BYTES);
        if desired <= self.bounds.table_elements && self.take(bytes) {
            return Ok(true);
        }
        if self.started {
            return Ok(false);
        }
        let needed = u64::try_from(desired).unwrap_or(u64::MAX);
        Err(wasmtime::Error::new(LimitError::InitialTable { needed }))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.bounds.instances
    }

    fn tables(&self) -> usize {
        self.bounds.tables
    }

    fn memories(&self) -> usize {
        self.bounds.memories
    }
}

#[cfg(test)]
mod tests;
