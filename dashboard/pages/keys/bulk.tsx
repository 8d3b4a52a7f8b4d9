import { useState } from "preact/hooks";
import { call, paths } from "../../api.ts";
import { type Change, useSending } from "../../live.ts";
import { t } from "../../text/index.ts";
import { type Key, type KeyResult, type Reason, REASONS } from "../../types.ts";
import { Button, Dialog, Enforcement, Field, Note, ProblemNote } from "../../ui.tsx";

/** Most keys of one order, as the API takes them. */
const MOST = 100;
/** Names that a question lists. */
const NAMED = 10;

type Act = "disable" | "revoke";

interface Done {
  act: Act;
  results: KeyResult[];
  change: Change;
  enforced: boolean;
  /** By their ids. */
  names: Map<string, string>;
}

/** What can be done with the keys that are selected, and what came of it. */
export function Bulk({
  org,
  selected,
  onDone,
  onClear,
}: {
  org: string;
  selected: Key[];
  onDone: () => void;
  onClear: () => void;
}) {
  const [asked, setAsked] = useState<Act>();
  const [done, setDone] = useState<Done>();
  const { busy, problem, clear, send } = useSending();
  const text = t().finding;
  const n = selected.length;
  const act = (act: Act, body: object) =>
    send(async () => {
      const since = performance.now();
      // One request, and one wait for all of them.
      const answer = await call<{ results: KeyResult[]; enforced: boolean }>("POST", `${paths.keys(org)}/${act}`, {
        body: { ids: selected.map((key) => key.id), ...body },
      });
      setAsked(undefined);
      const names = new Map(selected.map((key) => [key.id, key.name]));
      setDone({ act, ...answer, change: { since, done: performance.now() }, names });
      onDone();
    });
  const ask = (act: Act) => {
    setDone(undefined);
    setAsked(act);
  };
  const close = () => {
    clear();
    setAsked(undefined);
  };
  return (
    <>
      {n > 0 && (
        <div class="selection" role="group" aria-label={text.selected(n)}>
          <strong role="status">{text.selected(n)}</strong>
          <Button disabled={n > MOST} onClick={() => ask("disable")}>
            {text.disable}
          </Button>
          <Button kind="danger" disabled={n > MOST} onClick={() => ask("revoke")}>
            {text.revoke}
          </Button>
          <Button onClick={onClear}>{text.unselect}</Button>
          {n > MOST && <span class="hint">{text.most}</span>}
        </div>
      )}
      {done && <Outcome {...done} />}
      {asked && <Sure act={asked} keys={selected} busy={busy} problem={problem} onClose={close} onSure={act} />}
    </>
  );
}

function Outcome({ act, results, change, enforced, names }: Done) {
  const text = t().finding;
  const refused = results.filter((result) => result.problem);
  const changed = results.length - refused.length;
  return (
    <>
      {changed > 0 && enforced && <Enforcement since={change.since} done={change.done} />}
      <div role="status">
        {changed > 0 && (
          <p>
            {act === "disable" ? text.disabled(changed) : text.revoked(changed)} {!enforced && t().key.notEnforced}
          </p>
        )}
        {refused.length > 0 && (
          <Note kind="warn">
            <p>{text.refused(refused.length)}</p>
            <ul>
              {refused.map(({ id, problem }) => (
                <li key={id}>
                  {names.get(id) ?? id}: {t().problem[problem?.code ?? ""] ?? problem?.detail}
                </li>
              ))}
            </ul>
          </Note>
        )}
      </div>
    </>
  );
}

/** Asks before many keys are stopped, and says how many. */
function Sure({
  act,
  keys,
  busy,
  problem,
  onClose,
  onSure,
}: {
  act: Act;
  keys: Key[];
  busy: boolean;
  problem: Parameters<typeof ProblemNote>[0]["problem"];
  onClose: () => void;
  onSure: (act: Act, body: object) => void;
}) {
  const [reason, setReason] = useState<Reason>("unspecified");
  const text = t().finding;
  const n = keys.length;
  const revokes = act === "revoke";
  return (
    <Dialog title={revokes ? text.revokeTitle(n) : text.disableTitle(n)} onClose={onClose}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) onSure(act, revokes ? { reason } : {});
        }}
      >
        <p>{revokes ? text.revokeLead(n) : text.disableLead(n)}</p>
        <ul class="named">
          {keys.slice(0, NAMED).map((key) => (
            <li key={key.id}>{key.name}</li>
          ))}
          {n > NAMED && <li>{text.andMore(n - NAMED)}</li>}
        </ul>
        {revokes && (
          <Field label={t().key.reason}>
            {(attributes) => (
              <select {...attributes} value={reason} onChange={(event) => setReason(event.currentTarget.value as Reason)}>
                {REASONS.map((reason) => (
                  <option key={reason} value={reason}>
                    {t().reason[reason]}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        <ProblemNote problem={problem} />
        <div class="end">
          <Button onClick={onClose}>{t().app.cancel}</Button>
          <Button kind="danger" type="submit" busy={busy}>
            {revokes ? text.revokeSubmit(n) : text.disableSubmit(n)}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
