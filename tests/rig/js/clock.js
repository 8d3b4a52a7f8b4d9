// The clock of an isolate in the rig. It goes as the machine's does until a test
// has it go slower, stand still or jump ahead; timers go by it. Must be evaluated
// before the Worker's own modules.

const machine = Date.now;
const later = globalThis.setTimeout.bind(globalThis);
const never = globalThis.clearTimeout.bind(globalThis);

// How often a timer looks at the clock, in the machine's milliseconds.
const LOOK_EVERY = 10;

let since = machine();
let shown = since;
let rate = 1;

Date.now = () => Math.floor(shown + (machine() - since) * rate);

// Goes so many times as fast as the machine's from now on. At full speed again it
// catches up, since a clock that goes back is a fault of its own.
export function go(times) {
  shown = times === 1 ? Math.max(Date.now(), machine()) : Date.now();
  since = machine();
  rate = times;
}

export function pass(milliseconds) {
  shown += milliseconds;
}

const timers = new Map();
let last = 0;

globalThis.setTimeout = (call, milliseconds = 0, ...values) => {
  const id = ++last;
  const due = Date.now() + milliseconds;
  const lookIn = (left) => void timers.set(id, later(look, Math.min(rate > 0 ? left / rate : LOOK_EVERY, LOOK_EVERY)));
  const look = () => {
    const left = due - Date.now();
    if (left > 0) return lookIn(left);
    timers.delete(id);
    call(...values);
  };
  lookIn(Math.max(milliseconds, 0));
  return id;
};

globalThis.clearTimeout = (id) => {
  never(timers.get(id));
  timers.delete(id);
};

// Waits by the machine's clock.
export const wait = (milliseconds) => new Promise((resolve) => later(resolve, milliseconds));
