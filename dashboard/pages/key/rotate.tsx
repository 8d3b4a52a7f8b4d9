import { useState } from "preact/hooks";
import { call, paths } from "../../api.ts";
import { useSending } from "../../live.ts";
import { showSecret } from "../../secret.tsx";
import { t } from "../../text/index.ts";
import type { Issued, Key } from "../../types.ts";
import { Button, Dialog, Field, ProblemNote } from "../../ui.tsx";

/** Gives the key a successor, whose secret is then shown. */
export function Rotate({
  value: key,
  onClose,
  onRotated,
}: {
  value: Key;
  onClose: () => void;
  onRotated: (replaced: Key, since: number) => void;
}) {
  const [overlap, setOverlap] = useState(86_400);
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const { busy, problem, send } = useSending();
  const text = t().key;
  const submit = (event: Event) => {
    event.preventDefault();
    void send(async () => {
      const since = performance.now();
      const issued = await call<Issued>("POST", `${paths.key(key.organization, key.id)}/rotate`, {
        body: { overlap_seconds: overlap, wait: false },
        revision: key.revision,
        idempotencyKey: `${idempotencyKey}-${overlap}`,
      });
      showSecret(issued, () => {});
      onRotated(issued.replaced ?? key, since);
    });
  };
  return (
    <Dialog title={text.rotateTitle} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <p>{text.rotateLead}</p>
        <Field label={text.overlap} hint={text.overlapHint}>
          {(attributes) => (
            <select {...attributes} value={overlap} onChange={(event) => setOverlap(Number(event.currentTarget.value))}>
              {Object.entries(text.overlaps).map(([seconds, name]) => (
                <option key={seconds} value={seconds}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <ProblemNote problem={problem} />
        <div class="end">
          <Button onClick={onClose}>{t().app.cancel}</Button>
          <Button kind="primary" type="submit" busy={busy}>
            {text.rotateSubmit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
