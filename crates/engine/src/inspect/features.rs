//! Which proposals a module uses, by its instructions and types.

use std::collections::BTreeSet;

use wasmparser::{
    AbstractHeapType, BlockType, CompositeInnerType, ConstExpr, FuncType, FunctionBody, HeapType,
    MemoryType, Operator, RecGroup, TableType, ValType,
};

use super::InspectError;

/// The proposals seen so far.
#[derive(Debug, Default)]
pub(super) struct FeatureSet(BTreeSet<&'static str>);

macro_rules! proposal_of_operator {
    ($( @$proposal:ident $operator:ident $({ $($payload:tt)* })? => $visit:ident ($($arity:tt)*) )*) => {
        /// The proposal that an instruction came with.
        fn proposal(operator: &Operator<'_>) -> &'static str {
            match operator {
                $( Operator::$operator { .. } => stringify!($proposal), )*
                _ => "unknown",
            }
        }
    };
}
wasmparser::for_each_operator!(proposal_of_operator);

impl FeatureSet {
    pub(super) fn add(&mut self, feature: &'static str) {
        self.0.insert(feature);
    }

    /// In alphabetical order, in the spelling of `wasm-tools`: `tail-call`.
    pub(super) fn names(&self) -> Vec<String> {
        let beyond = self.0.iter().filter(|feature| **feature != "mvp");
        beyond.map(|feature| feature.replace('_', "-")).collect()
    }

    pub(super) fn add_body(&mut self, body: &FunctionBody<'_>) -> Result<(), InspectError> {
        for local in body.get_locals_reader()? {
            self.add_value(local?.1);
        }
        let mut reader = body.get_operators_reader()?;
        // Comparing addresses is much cheaper than a look into the set for each instruction.
        let mut last = "";
        while !reader.eof() {
            let operator = reader.read()?;
            if let Operator::Block { blockty }
            | Operator::Loop { blockty }
            | Operator::If { blockty } = &operator
                && matches!(blockty, BlockType::FuncType(_))
            {
                self.add("multi_value");
            }
            let proposal = proposal(&operator);
            if !std::ptr::eq(last, proposal) {
                last = proposal;
                self.add(proposal);
            }
        }
        Ok(())
    }

    /// A constant with arithmetic in it is the extended-const proposal.
    pub(super) fn add_constant(&mut self, constant: &ConstExpr<'_>) -> Result<(), InspectError> {
        for operator in constant.get_operators_reader() {
            match operator? {
                Operator::I32Add
                | Operator::I32Sub
                | Operator::I32Mul
                | Operator::I64Add
                | Operator::I64Sub
                | Operator::I64Mul => self.add("extended_const"),
                operator => self.add(proposal(&operator)),
            }
        }
        Ok(())
    }

    pub(super) fn add_type_group(&mut self, group: &RecGroup) {
        let mut types = 0;
        for sub_type in group.types() {
            types += 1;
            match &sub_type.composite_type.inner {
                CompositeInnerType::Func(function) => self.add_function_type(function),
                CompositeInnerType::Array(_) | CompositeInnerType::Struct(_) => self.add("gc"),
                CompositeInnerType::Cont(_) => self.add("stack_switching"),
            }
            if sub_type.supertype_idx.is_some() {
                self.add("gc");
            }
        }
        if types > 1 {
            self.add("gc");
        }
    }

    fn add_function_type(&mut self, function: &FuncType) {
        if function.results().len() > 1 {
            self.add("multi_value");
        }
        for value in function.params().iter().chain(function.results()) {
            self.add_value(*value);
        }
    }

    fn add_value(&mut self, value: ValType) {
        match value {
            ValType::V128 => self.add("simd"),
            ValType::Ref(reference) => match reference.heap_type() {
                HeapType::Abstract {
                    ty: AbstractHeapType::Func | AbstractHeapType::Extern,
                    ..
                } => self.add("reference_types"),
                HeapType::Abstract {
                    ty: AbstractHeapType::Exn | AbstractHeapType::NoExn,
                    ..
                } => self.add("exceptions"),
                HeapType::Abstract { .. } => self.add("gc"),
                _ => self.add("function_references"),
            },
            ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => {}
        }
    }

    pub(super) fn add_memory(&mut self, memory: &MemoryType) {
        if memory.memory64 {
            self.add("memory64");
        }
        if memory.shared {
            self.add("threads");
        }
        if memory.page_size_log2.is_some() {
            self.add("custom_page_sizes");
        }
    }

    pub(super) fn add_table(&mut self, table: &TableType) {
        if table.table64 {
            self.add("memory64");
        }
        if !table.element_type.is_func_ref() {
            self.add_value(ValType::Ref(table.element_type));
        }
    }
}
