import { useId } from "preact/hooks";
import type { Problem } from "../../api.ts";
import * as format from "../../format.ts";
import {
  blank,
  type Draft,
  type DraftField,
  LAST_DAY,
  LONGEST_WINDOW,
  MOST_LIMITS,
  MOST_UNITS,
  placeOf,
  wrongFields,
} from "../../limits.ts";
import { t } from "../../text/index.ts";
import type { Period, Precision } from "../../types.ts";
import { Button, Field } from "../../ui.tsx";

/** What a form says is wrong with a field: what the page sees once the form was `tried`,
 * else what the API said of it. */
function wrongOf(draft: Draft, all: Draft[], tried: boolean, problem: Problem | undefined) {
  const seen = tried ? wrongFields(draft, all) : [];
  const told = problem && placeOf(problem.detail, all);
  const text = t().limits;
  return (field: DraftField): string | undefined => {
    if (told?.id === draft.id && told.field === field) return problem?.detail;
    if (!seen.includes(field)) return undefined;
    switch (field) {
      case "name":
        return /^[a-z0-9_-]{1,32}$/.test(draft.name) ? text.nameTwice : text.nameWrong;
      case "window":
        return text.wrong(1, format.number(LONGEST_WINDOW));
      case "day":
        return text.wrong(1, format.number(LAST_DAY));
      default:
        return text.wrong(1, format.number(MOST_UNITS));
    }
  };
}

/** Limits to add, change and remove. */
export function LimitFields({
  drafts,
  tried,
  problem,
  onChange,
}: {
  drafts: Draft[];
  tried: boolean;
  problem: Problem | undefined;
  onChange: (drafts: Draft[]) => void;
}) {
  const zones = useId();
  const text = t().limits;
  const full = drafts.length >= MOST_LIMITS;
  return (
    <>
      {drafts.map((draft) => (
        <One
          key={draft.id}
          draft={draft}
          zones={zones}
          wrong={wrongOf(draft, drafts, tried, problem)}
          onChange={(part) => onChange(drafts.map((old) => (old === draft ? { ...old, ...part } : old)))}
          onRemove={() => onChange(drafts.filter((other) => other !== draft))}
        />
      ))}
      <datalist id={zones}>
        {Intl.supportedValuesOf("timeZone").map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      {full ? (
        <p class="hint">{text.most}</p>
      ) : (
        <div class="row tight start">
          <Button onClick={() => onChange([...drafts, blank("rate")])}>{text.addRate}</Button>
          <Button onClick={() => onChange([...drafts, blank("quota")])}>{text.addQuota}</Button>
        </div>
      )}
    </>
  );
}

function One({
  draft,
  zones,
  wrong,
  onChange,
  onRemove,
}: {
  draft: Draft;
  zones: string;
  wrong: (field: DraftField) => string | undefined;
  onChange: (part: Partial<Draft>) => void;
  onRemove: () => void;
}) {
  const text = t().limits;
  const isRate = draft.kind === "rate";
  const title = draft.name || text.new[draft.kind];
  const precisions: Precision[] = isRate ? ["leased", "strict", "local"] : ["leased", "strict"];
  const input = (field: DraftField, label: string, more: object = {}) => (
    <Field label={label} wrong={wrong(field)} optional={field === "burst"}>
      {(attributes) => (
        <input
          {...attributes}
          autocomplete="off"
          spellcheck={false}
          {...more}
          value={draft[field]}
          onInput={(event) => onChange({ [field]: event.currentTarget.value.trim() })}
        />
      )}
    </Field>
  );
  const number = { inputMode: "numeric" };
  return (
    <fieldset class="limit">
      <legend>
        {text.kind[draft.kind]}: {title}
      </legend>
      <div class="columns">
        {input("name", text.name, { class: "mono", maxLength: 32 })}
        {input("limit", text.limit, number)}
        {isRate ? (
          <>
            {input("window", text.window, number)}
            {input("burst", text.burstLabel, number)}
          </>
        ) : (
          <Field label={text.period}>
            {(attributes) => (
              <select
                {...attributes}
                value={draft.period}
                onChange={(event) => onChange({ period: event.currentTarget.value as Period })}
              >
                {(["day", "month", "forever"] as const).map((period) => (
                  <option key={period} value={period}>
                    {text.periods[period]}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        {!isRate && draft.period === "month" && input("day", text.day, number)}
        {!isRate && draft.period !== "forever" && (
          <>
            {input("time", text.time, { type: "time" })}
            {input("zone", text.zone, { list: zones, class: "mono", maxLength: 64 })}
          </>
        )}
      </div>
      <Field label={text.precision} wrong={wrong("precision")} hint={text.precisionMeans[draft.precision]}>
        {(attributes) => (
          <select
            {...attributes}
            value={draft.precision}
            onChange={(event) => onChange({ precision: event.currentTarget.value as Precision })}
          >
            {precisions.map((precision) => (
              <option key={precision} value={precision}>
                {text.precisions[precision]}
              </option>
            ))}
          </select>
        )}
      </Field>
      <p>
        <Button onClick={onRemove}>{text.remove(title)}</Button>
      </p>
    </fieldset>
  );
}
