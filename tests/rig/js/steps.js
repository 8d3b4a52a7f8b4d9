// Counts the steps of the crate's instance, each function that is entered and each
// turn of a loop, where the module was made to tell of them (`wasm-opt
// --log-execution`). Must be evaluated before the Worker's own modules.

let steps = 0;

export const stepsSoFar = () => steps;

const Instance = WebAssembly.Instance;

WebAssembly.Instance = function (module, imports) {
  const counted = {};
  for (const [space, names] of Object.entries(imports)) {
    counted[space] = { ...names, log_execution: () => void (steps += 1) };
  }
  return new Instance(module, counted);
};
