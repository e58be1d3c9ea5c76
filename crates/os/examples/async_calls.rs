//! Calls an `async func` of a component, and gives it one of this program.
//!
//! `cargo run -p holm-os --example async_calls`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

use holm_os::{FunctionError, Imports, System, SystemOptions};

/// A component in the text format; those of Rust are built for WASI 0.3, and are files like any other.
const SHOP: &str = r#"(component
    (import "example:host/prices" (instance $prices
        (export "price" (func async (param "item" u32) (result u32)))))
    (core func $price (canon lower (func $prices "price")))
    (core module $m
        (import "prices" "price" (func $price (param i32) (result i32)))
        (func (export "total") (param i32 i32) (result i32)
            (i32.add (call $price (local.get 0)) (call $price (local.get 1))))
        (func (export "feed") (param i32)))
    (core instance $i (instantiate $m
        (with "prices" (instance (export "price" (func $price))))))
    (type $numbers (stream u32))
    (func (export "total") async (param "one" u32) (param "other" u32) (result u32)
        (canon lift (core func $i "total")))
    (func (export "feed") (param "items" $numbers) (canon lift (core func $i "feed"))))"#;

/// Asks elsewhere: another thread answers, and wakes whoever waits.
async fn price_of(item: u32) -> u32 {
    let answer = Arc::new(Mutex::new((None::<u32>, None::<Waker>)));
    let asked = answer.clone();
    thread::spawn(move || {
        let mut answer = asked.lock().unwrap_or_else(PoisonError::into_inner);
        answer.0 = Some(item * 100);
        if let Some(waker) = answer.1.take() {
            waker.wake();
        }
    });
    poll_fn(|context| {
        let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(price) = answer.0 {
            return Poll::Ready(price);
        }
        answer.1 = Some(context.waker().clone());
        Poll::Pending
    })
    .await
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let system = System::new(SystemOptions::default())?;
    let program = system.program_from_bytes("shop.wat", SHOP.into())?;

    let mut imports = Imports::new();
    imports.asynchronous(
        "example:host/prices",
        "price",
        |_caller, (item,): (u32,)| async move { Ok((price_of(item).await,)) },
    );
    let shop = system.instantiator(&program, &imports)?;

    // The thread that calls sleeps while the component waits, and others would go on.
    let mut instance = shop.instantiate(system.command("shop"))?;
    let total = instance.function::<(u32, u32), (u32,)>("total")?;
    let (sum,) = total.call(&mut instance, (2, 3))?;
    println!("together: {sum}");
    assert_eq!(sum, 500);

    // What goes on after a call, a stream or a future, cannot be passed; values can.
    let refused = instance.function::<(u32,), ()>("feed");
    if let Err(error @ FunctionError::NoValues { .. }) = refused {
        println!("{error}");
    }
    Ok(())
}
