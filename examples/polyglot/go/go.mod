module wit_component

go 1.24

require go.bytecodealliance.org/pkg v0.4.0

// The runtime of the bindings comes with the crate that makes them: the build puts it here.
replace go.bytecodealliance.org/pkg => ./pkg
