//! Tests of budgets, against modules that ask for too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::{Instance, Store};

use super::*;
use crate::{Engine, EngineConfig, TierChoice};

#[derive(Debug, Clone)]
struct Shared {
    used: Arc<AtomicUsize>,
    limit: usize,
}

impl MemoryBudget for Shared {
    fn try_grow(&self, bytes: usize) -> bool {
        let wanted = self.used.load(Ordering::Relaxed) + bytes;
        if wanted > self.limit {
            return false;
        }
        self.used.store(wanted, Ordering::Relaxed);
        true
    }

    fn shrink(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn limit(&self) -> Option<usize> {
        Some(self.limit)
    }
}

fn load(text: &str) -> Module {
    let engine = Engine::new(EngineConfig::default()).expect("engine");
    let program = engine
        .program_from_bytes("test", text.as_bytes().to_vec())
        .expect("program");
    engine
        .load(&program, TierChoice::Auto)
        .expect("load")
        .code
        .module()
        .expect("a module")
        .clone()
}

type Limited = Store<BudgetLimiter<Shared>>;

fn start(text: &str, limit: usize) -> (Arc<AtomicUsize>, Limited, wasmtime::Result<Instance>) {
    let module = load(text);
    let used = Arc::new(AtomicUsize::new(0));
    let budget = Shared {
        used: Arc::clone(&used),
        limit,
    };
    let limiter = BudgetLimiter::new(budget, StoreBounds::default());
    let mut store = Store::new(module.engine(), limiter);
    store.limiter(|limiter| limiter);
    let instance = Instance::new(&mut store, &module, &[]);
    store.data_mut().started();
    (used, store, instance)
}

const PAGE: usize = 65536;

#[test]
fn memories_are_summed() {
    let text = r#"(module
        (memory $a 1) (memory $b 1)
        (func (export "grow_a") (result i32) (memory.grow $a (i32.const 1)))
        (func (export "grow_b") (result i32) (memory.grow $b (i32.const 1))))"#;
    let (used, mut store, instance) = start(text, 3 * PAGE);
    let instance = instance.expect("fits");
    assert_eq!(used.load(Ordering::Relaxed), 2 * PAGE);
    let mut grow = |name: &str| {
        let function = instance
            .get_typed_func::<(), i32>(&mut store, name)
            .expect("export");
        function.call(&mut store, ()).expect("no trap")
    };
    assert_eq!(grow("grow_a"), 1);
    assert_eq!(grow("grow_b"), -1, "the sum is what counts");
    assert_eq!(used.load(Ordering::Relaxed), 3 * PAGE);
    assert_eq!(store.data().peak(), 3 * PAGE);
    drop(store);
    assert_eq!(used.load(Ordering::Relaxed), 0, "everything is given back");
}

#[test]
fn a_growth_beyond_the_memorys_own_maximum_costs_nothing() {
    let text = r#"(module (memory 1 2)
        (func (export "grow") (result i32) (memory.grow (i32.const 5))))"#;
    let (used, mut store, instance) = start(text, 100 * PAGE);
    let grow = instance
        .expect("fits")
        .get_typed_func::<(), i32>(&mut store, "grow")
        .expect("export");
    assert_eq!(grow.call(&mut store, ()).expect("no trap"), -1);
    assert_eq!(used.load(Ordering::Relaxed), PAGE);
}

#[test]
fn too_much_initial_memory_is_a_clear_error() {
    let (used, store, instance) = start("(module (memory 17))", 16 * PAGE);
    let error = instance.expect_err("does not fit");
    let limit = error.downcast_ref::<LimitError>().expect("typed");
    assert_eq!(
        *limit,
        LimitError::InitialMemory {
            needed: 17 * 65536,
            limit: Some(16 * PAGE)
        }
    );
    assert!(limit.to_string().contains("--memory"));
    drop(store);
    assert_eq!(used.load(Ordering::Relaxed), 0);

    let module = load("(module (memory 17))");
    assert!(check_initial_memory(&module, 16 * PAGE).is_err());
    assert!(check_initial_memory(&module, 17 * PAGE).is_ok());
}

#[test]
fn tables_count_too() {
    let text = r#"(module (table $t 10 funcref)
        (func (export "grow") (result i32)
            (table.grow $t (ref.null func) (i32.const 100000))))"#;
    let (used, mut store, instance) = start(text, 64 << 10);
    assert_eq!(used.load(Ordering::Relaxed), 10 * TABLE_ELEMENT_BYTES);
    let grow = instance
        .expect("fits")
        .get_typed_func::<(), i32>(&mut store, "grow")
        .expect("export");
    assert_eq!(grow.call(&mut store, ()).expect("no trap"), -1);
    let (_, _, instance) = start("(module (table 100000 funcref))", 64 << 10);
    let error = instance.expect_err("does not fit");
    assert!(matches!(
        error.downcast_ref::<LimitError>(),
        Some(LimitError::InitialTable { needed: 100_000 })
    ));
}
