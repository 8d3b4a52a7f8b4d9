// Tables that become cards where there is no room. The roles are written out,
// because a table that is laid out otherwise loses its own.

import type { ComponentChildren } from "preact";
import { t } from "./text/index.ts";

export interface Sorting {
  by: string;
  descending: boolean;
}

export interface Selecting {
  label: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}

function Box({ label, checked, disabled, onChange }: Selecting) {
  return (
    <input
      type="checkbox"
      aria-label={label}
      checked={checked}
      disabled={disabled}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}

/** The box of a row. */
export function SelectCell(selecting: Selecting) {
  return (
    <td role="cell" class="select">
      <Box {...selecting} />
    </td>
  );
}

export function Table({
  label,
  columns,
  sortable = {},
  sorting,
  onSort,
  select,
  children,
}: {
  label: string;
  columns: string[];
  /** Column name to the name it is sorted under. */
  sortable?: Record<string, string>;
  sorting?: Sorting;
  onSort?: (sorting: Sorting) => void;
  /** The box of a first column of boxes: that of all rows. */
  select?: Selecting | undefined;
  children: ComponentChildren;
}) {
  return (
    <table role="table" aria-label={label}>
      <thead role="rowgroup">
        <tr role="row">
          {select && (
            <th role="columnheader" scope="col" class="select">
              <Box {...select} />
            </th>
          )}
          {columns.map((column) => {
            const by = sortable[column];
            const here = by !== undefined && sorting?.by === by;
            return (
              <th
                key={column}
                role="columnheader"
                scope="col"
                aria-sort={here ? (sorting.descending ? "descending" : "ascending") : undefined}
              >
                {by === undefined ? (
                  column
                ) : (
                  <button
                    type="button"
                    class="sort"
                    title={t().keys.sortBy(column)}
                    onClick={() => onSort?.({ by, descending: here ? !sorting.descending : false })}
                  >
                    {column}
                    <span aria-hidden="true">{here ? (sorting.descending ? " ↓" : " ↑") : ""}</span>
                  </button>
                )}
              </th>
            );
          })}
        </tr>
      </thead>
      <tbody role="rowgroup">{children}</tbody>
    </table>
  );
}

export function Cell({
  label,
  main,
  number,
  whole,
  children,
}: {
  label: string;
  main?: boolean;
  /** As wide as its card. */
  whole?: boolean;
  number?: boolean;
  children: ComponentChildren;
}) {
  const classes = [main ? "main" : "", number ? "number" : "", whole ? "whole" : ""].filter(Boolean).join(" ");
  return (
    <td role="cell" data-label={label} class={classes || undefined}>
      {children}
    </td>
  );
}
