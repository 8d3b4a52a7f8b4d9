import { useState } from "preact/hooks";
import { call, paths } from "../../api.ts";
import * as format from "../../format.ts";
import { useLive } from "../../live.ts";
import { useMay } from "../../session.ts";
import { t } from "../../text/index.ts";
import { type Impact, type Reason, REASONS } from "../../types.ts";
import { Button, Dialog, Field, Note, ProblemNote } from "../../ui.tsx";
import type { DialogProps } from "./dialog.ts";

/** Asks before a key is stopped, and says what that would hit. */
export function Sure({
  title,
  lead,
  submit,
  reasons = false,
  org,
  id,
  busy,
  problem,
  onClose,
  onSure,
}: DialogProps & {
  title: string;
  lead: string;
  submit: string;
  reasons?: boolean;
  org: string;
  id: string;
  onSure: (reason: Reason, note: string) => void;
}) {
  const [reason, setReason] = useState<Reason>("unspecified");
  const [note, setNote] = useState("");
  const mayUsage = useMay("usage:read", org);
  const text = t().key;
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          onSure(reason, note);
        }}
      >
        <p>{lead}</p>
        {mayUsage && <Hit org={org} id={id} />}
        {reasons && (
          <>
            <Field label={text.reason}>
              {(attributes) => (
                <select
                  {...attributes}
                  value={reason}
                  onChange={(event) => setReason(event.currentTarget.value as Reason)}
                >
                  {REASONS.map((reason) => (
                    <option key={reason} value={reason}>
                      {t().reason[reason]}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <Field label={text.note} optional hint={text.noteHint}>
              {(attributes) => (
                <textarea
                  {...attributes}
                  rows={2}
                  maxLength={500}
                  value={note}
                  onInput={(event) => setNote(event.currentTarget.value)}
                />
              )}
            </Field>
          </>
        )}
        <ProblemNote problem={problem} />
        <div class="end">
          <Button onClick={onClose}>{t().app.cancel}</Button>
          <Button kind="danger" type="submit" busy={busy}>
            {submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What stopping a key would hit. */
function Hit({ org, id }: { org: string; id: string }) {
  const live = useLive((signal) => call<Impact>("GET", `${paths.key(org, id)}/impact`, { signal }), [org, id]);
  const text = t().key;
  const impact = live.data;
  if (!impact) return <p class="hint">{live.problem ? text.impactFailed : t().app.loading}</p>;
  const used = impact.last_30_days.requests > 0;
  const scopes = Object.keys(impact.last_30_days.by_scope).filter(Boolean);
  return (
    <Note kind={impact.last_day.requests > 0 && !impact.successor?.in_use ? "warn" : "plain"}>
      <h3>{text.impactTitle}</h3>
      <p>
        {used
          ? text.impactUsed(
              format.number(impact.last_hour.requests),
              format.number(impact.last_day.requests),
              format.number(impact.last_30_days.requests),
            )
          : text.impactUnused}{" "}
        {impact.last_used_at && text.impactLast(format.relative(impact.last_used_at))}{" "}
        {scopes.length > 0 && text.impactScopes(format.list(scopes))}
      </p>
      {impact.successor && <p>{impact.successor.in_use ? text.impactSuccessor : text.impactNoSuccessor}</p>}
    </Note>
  );
}
