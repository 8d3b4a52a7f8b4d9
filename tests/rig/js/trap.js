// Makes the crate's instance trap at a chosen call out of it. To the instance
// and to the shim it is what a trap is: a RuntimeError that leaves wasm frames
// behind, run to nowhere. Must be evaluated before the Worker's own modules.

let left = 0;

// Traps at the `calls`th call that the instance makes from now on.
export function trapAfter(calls) {
  left = calls;
}

const Instance = WebAssembly.Instance;

function trapping(call) {
  return (...values) => {
    if (left > 0 && --left === 0) throw new WebAssembly.RuntimeError("unreachable (of the rig)");
    return call(...values);
  };
}

WebAssembly.Instance = function (module, imports) {
  const wrapped = {};
  for (const [space, names] of Object.entries(imports)) {
    wrapped[space] = {};
    for (const [name, value] of Object.entries(names)) {
      wrapped[space][name] = typeof value === "function" ? trapping(value) : value;
    }
  }
  return new Instance(module, wrapped);
};
