import { query } from "../../api.ts";
import { t } from "../../text/index.ts";
import { type Environment, type KeyState, PLATFORM } from "../../types.ts";

export const STATES: KeyState[] = ["active", "retiring", "disabled", "expired", "revoked"];
const ENVIRONMENTS: Environment[] = ["live", "test"];

/** What calls for attention, as the API is asked for it. */
const ATTENTION: Record<string, Record<string, string>> = {
  "": {},
  unused30: { unused_for_days: "30" },
  unused90: { unused_for_days: "90" },
  expiring7: { expires_within_days: "7" },
  expiring30: { expires_within_days: "30" },
  exposed: { exposed: "true" },
};

export interface Filter {
  search: string;
  state: KeyState | "";
  environment: Environment | "";
  attention: string;
  metadata: string;
}

export const NO_FILTER: Filter = { search: "", state: "", environment: "", attention: "", metadata: "" };

/** The parameters of the list. */
export function parametersOf(filter: Filter): Record<string, string> {
  return {
    search: filter.search.trim(),
    state: filter.state,
    environment: filter.environment,
    metadata: filter.metadata.trim(),
    ...ATTENTION[filter.attention],
  };
}

export const isFiltered = (filter: Filter): boolean => query(parametersOf(filter)) !== "";

export function Filters({ org, filter, onFilter }: { org: string; filter: Filter; onFilter: (filter: Filter) => void }) {
  const [text, more] = [t().keys, t().finding];
  const set = (part: Partial<Filter>) => onFilter({ ...filter, ...part });
  return (
    <div class="filters" role="search" aria-label={text.filters}>
      <input
        type="search"
        aria-label={text.search}
        placeholder={text.search}
        maxLength={100}
        value={filter.search}
        onInput={(event) => set({ search: event.currentTarget.value })}
      />
      <select
        aria-label={text.state}
        value={filter.state}
        onChange={(event) => set({ state: event.currentTarget.value as KeyState | "" })}
      >
        <option value="">{text.anyState}</option>
        {STATES.map((state) => (
          <option key={state} value={state}>
            {t().state[state]}
          </option>
        ))}
      </select>
      <select
        aria-label={more.attention}
        value={filter.attention}
        onChange={(event) => set({ attention: event.currentTarget.value })}
      >
        {Object.entries(more.attentions).map(([name, label]) => (
          <option key={name} value={name}>
            {label}
          </option>
        ))}
      </select>
      {org !== PLATFORM && (
        <select
          aria-label={more.environment}
          value={filter.environment}
          onChange={(event) => set({ environment: event.currentTarget.value as Environment | "" })}
        >
          <option value="">{more.anyEnvironment}</option>
          {ENVIRONMENTS.map((environment) => (
            <option key={environment} value={environment}>
              {t().environment[environment]}
            </option>
          ))}
        </select>
      )}
      <input
        type="search"
        class="notes"
        aria-label={more.notes}
        placeholder={more.notes}
        maxLength={200}
        value={filter.metadata}
        onInput={(event) => set({ metadata: event.currentTarget.value })}
      />
    </div>
  );
}
