//! Prints its arguments and its environment, sorted.

fn main() {
    for (index, argument) in std::env::args().enumerate() {
        println!("arg {index}: {argument:?}");
    }
    let mut variables: Vec<(String, String)> = std::env::vars().collect();
    variables.sort();
    for (name, value) in variables {
        println!("env {name}={value:?}");
    }
}
