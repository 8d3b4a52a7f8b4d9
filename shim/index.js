// Both planes in one script.

import control from "./control.js";
import { worker } from "./edge.js";

export default worker(control.fetch);
export { ChangeLog, Directory, Meter, Registry, Relay } from "./control.js";
