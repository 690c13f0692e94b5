//! What the kernels' WGSL must not do, whatever a device makes of it.

/// The places where a kernel writes one component of a vector in memory that invocations share. WGSL lets a device write
/// the whole vector then, as Metal and Direct3D do, which undoes what its neighbours write.
fn partial_writes(source: &str) -> Vec<String> {
    use wgpu::naga::{AddressSpace, Function, Statement, TypeInner, front::wgsl, valid};
    fn walk(block: &[Statement], shared: &dyn Fn(&Statement) -> bool, spans: &mut Vec<usize>) {
        for (i, statement) in block.iter().enumerate() {
            if shared(statement) {
                spans.push(i);
            }
            match statement {
                Statement::Block(block) => walk(block, shared, spans),
                Statement::If { accept, reject, .. } => {
                    walk(accept, shared, spans);
                    walk(reject, shared, spans);
                }
                Statement::Switch { cases, .. } => {
                    cases.iter().for_each(|case| walk(&case.body, shared, spans))
                }
                Statement::Loop { body, continuing, .. } => {
                    walk(body, shared, spans);
                    walk(continuing, shared, spans);
                }
                _ => {}
            }
        }
    }
    let module = wgsl::parse_str(source).expect("WGSL");
    let mut validator = valid::Validator::new(valid::ValidationFlags::all(), valid::Capabilities::all());
    let info = validator.validate(&module).expect("valid WGSL");
    let mut found = Vec::new();
    let mut check = |name: &str, function: &Function, info: &valid::FunctionInfo| {
        let shared = |statement: &Statement| {
            let Statement::Store { pointer, .. } = statement else { return false };
            let inner = info[*pointer].ty.inner_with(&module.types);
            let TypeInner::ValuePointer { size: None, space, .. } = inner else { return false };
            matches!(space, AddressSpace::WorkGroup | AddressSpace::Storage { .. })
        };
        let mut spans = Vec::new();
        walk(&function.body, &shared, &mut spans);
        found.extend(spans.iter().map(|at| format!("{name}, statement {at} of a block")));
    };
    for (handle, function) in module.functions.iter() {
        check(function.name.as_deref().unwrap_or("?"), function, &info[handle]);
    }
    for (i, entry) in module.entry_points.iter().enumerate() {
        check(&entry.name, &entry.function, info.get_entry_point(i));
    }
    found
}

/// A patch that changes nothing: with it, the models of model.rs are loaded in every tier.
pub fn check(label: &str, source: String) -> String {
    assert_eq!(partial_writes(&source), [""; 0], "{label}");
    source
}

#[test]
fn a_write_to_a_part_of_a_shared_vector_is_found() {
    let kernel = |write: &str| {
        let shared = "var<workgroup> shared_: array<vec4<f32>, 16>; @group(0) @binding(0) var<storage, read_write> y: vec4<f32>;";
        partial_writes(&format!(
            "{shared} @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) lid: u32) {{
                 var own: vec4<f32>;
                 if (lid > 1u) {{ {write} }}
                 y = own + shared_[0];
             }}"
        ))
    };
    assert_eq!(kernel("shared_[lid >> 2u] = vec4(1.0); own[lid & 3u] = 1.0;"), [""; 0]);
    assert_eq!(kernel("shared_[lid >> 2u][lid & 3u] = 1.0;").len(), 1);
    assert_eq!(kernel("for (var i = 0u; i < 2u; i++) { shared_[i].x += 1.0; }").len(), 1);
    assert_eq!(kernel("y.z = 1.0;").len(), 1);
}
