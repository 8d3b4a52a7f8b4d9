import type { Problem } from "../../api.ts";

/** A dialog whose change the page itself sends. */
export interface DialogProps {
  busy: boolean;
  problem: Problem | undefined;
  onClose: () => void;
}
