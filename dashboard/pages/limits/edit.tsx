import { useState } from "preact/hooks";
import { draftOf, limitOf, wrongFields } from "../../limits.ts";
import { t } from "../../text/index.ts";
import type { Limit } from "../../types.ts";
import { Button, Dialog, ProblemNote } from "../../ui.tsx";
import type { DialogProps } from "../key/dialog.ts";
import { LimitFields } from "./fields.tsx";

/** Changes the limits of a key or an organization; `onSave` gets the whole list, or null
 * for none. */
export function EditLimits({
  name,
  limits,
  busy,
  problem,
  onClose,
  onSave,
}: DialogProps & { name: string; limits: Limit[]; onSave: (limits: Limit[] | null) => void }) {
  const [drafts, setDrafts] = useState(() => limits.map(draftOf));
  const [tried, setTried] = useState(false);
  const text = t().limits;
  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (drafts.some((draft) => wrongFields(draft, drafts).length > 0)) return;
    onSave(drafts.length > 0 ? drafts.map(limitOf) : null);
  };
  return (
    <Dialog title={text.editTitle(name)} onClose={onClose} wide>
      <form onSubmit={submit} noValidate>
        <p class="hint">
          {text.lead} {text.editLead}
        </p>
        <LimitFields drafts={drafts} tried={tried} problem={problem} onChange={setDrafts} />
        <ProblemNote problem={problem} />
        <div class="end">
          <Button onClick={onClose}>{t().app.cancel}</Button>
          <Button kind="primary" type="submit" busy={busy}>
            {t().app.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
