// A key's use over time, as stacked bars, with the same numbers as a table.

import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { all, paths } from "./api.ts";
import * as format from "./format.ts";
import { useLive } from "./live.ts";
import { useScopeOptions } from "./session.ts";
import { t } from "./text/index.ts";
import type { Limit, UsageRow } from "./types.ts";
import { Await, Switch } from "./ui.tsx";

type Span = "day" | "week" | "month";
type By = "scope" | "outcome";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** How far each span reaches, and how wide its bars are. */
const SPANS: Record<Span, { bars: number; widthMs: number; by: "hour" | "day" }> = {
  day: { bars: 24, widthMs: HOUR_MS, by: "hour" },
  week: { bars: 7, widthMs: DAY_MS, by: "day" },
  month: { bars: 30, widthMs: DAY_MS, by: "day" },
};
/** Rows of a key in a month: bars by scopes by outcomes. */
const MOST_ROWS = 4_000;

export function Usage({ org, id, limits }: { org: string; id: string; limits: Limit[] }) {
  const [span, setSpan] = useState<Span>("day");
  const [by, setBy] = useState<By>("scope");
  const text = t().usage;
  const { bars, widthMs, by: bucket } = SPANS[span];
  const live = useLive(async (signal) => {
    // Buckets begin at whole hours and days of UTC.
    const end = Math.floor(Date.now() / widthMs) * widthMs + widthMs;
    const begin = end - bars * widthMs;
    const { items } = await all<UsageRow>(
      `${paths.organization(org)}/usage`,
      { from: new Date(begin).toISOString(), to: new Date(end).toISOString(), by: bucket, key: id },
      MOST_ROWS,
      signal,
    );
    return { rows: items, begin };
  }, [org, id, span]);
  return (
    <section class="card" aria-labelledby="usage-title">
      <div class="row">
        <h2 id="usage-title">{text.title}</h2>
        <div class="row tight">
          <Switch
            label={text.by}
            value={by}
            options={[
              ["scope", text.scope],
              ["outcome", text.outcome],
            ]}
            onChange={setBy}
          />
          <Switch
            label={text.span}
            value={span}
            options={[
              ["day", text.day],
              ["week", text.week],
              ["month", text.month],
            ]}
            onChange={setSpan}
          />
        </div>
      </div>
      <Await live={live}>
        {({ rows, begin }) => <Plot rows={rows} begin={begin} span={span} by={by} line={lineOf(limits, widthMs)} />}
      </Await>
      <p class="hint">{text.lag}</p>
    </section>
  );
}

/** The strictest limit whose window is as long as a bar is wide. */
function lineOf(limits: Limit[], widthMs: number): Limit | undefined {
  const windowMs = ({ period, window_seconds: seconds }: Limit) =>
    period === "day" ? DAY_MS : seconds === undefined ? undefined : seconds * 1_000;
  return limits.filter((limit) => windowMs(limit) === widthMs).sort((one, other) => one.limit - other.limit)[0];
}

interface Bar {
  start: string;
  counts: number[];
  total: number;
}

/** Rows by bar and series; the series in a fixed order, so that colours stay. */
function arrange(rows: UsageRow[], begin: number, span: Span, by: By): { series: string[]; bars: Bar[] } {
  const name = (row: UsageRow) => (by === "scope" ? (row.scope ?? "") : row.outcome);
  const series = [...new Set(rows.map(name))].sort((a, b) =>
    a === "allowed" ? -1 : b === "allowed" ? 1 : a < b ? -1 : 1,
  );
  const { bars: count, widthMs } = SPANS[span];
  const bars: Bar[] = Array.from({ length: count }, (_, place) => ({
    start: new Date(begin + place * widthMs).toISOString(),
    counts: series.map(() => 0),
    total: 0,
  }));
  for (const row of rows) {
    const bar = bars[Math.floor((Date.parse(row.start) - begin) / widthMs)];
    if (!bar) continue;
    const place = series.indexOf(name(row));
    bar.counts[place] = (bar.counts[place] ?? 0) + row.count;
    bar.total += row.count;
  }
  return { series, bars };
}

function seriesName(series: string, by: By): string {
  const text = t();
  if (by === "scope") return series === "" ? text.usage.noScope : series;
  return text.usage.outcomes[series] ?? series.replaceAll("_", " ");
}

/** A colour for each scope, the same in every plot (there are six, the last is for
 * what has none of its own), and the first for what was let through. */
function colour(series: string, place: number, by: By, all: string[], scopes: string[]): number {
  const known = scopes.indexOf(series);
  if (by === "scope") return known >= 0 && known < 5 ? known : 5;
  return all[0] === "allowed" ? place % 6 : 1 + (place % 5);
}

/** A round number at or above the greatest bar, with a whole half. */
function ceiling(most: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= most && step >= 4) ?? 10 * power;
}

const HEIGHT = 180;
const LEFT = 40;
const BOTTOM = 22;
const TOP = 8;

interface PlotProps {
  rows: UsageRow[];
  begin: number;
  span: Span;
  by: By;
  line: Limit | undefined;
}

function Plot({ rows, begin, span, by, line }: PlotProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(640);
  const caption = useId();
  useLayoutEffect(() => setWidth(frame.current?.clientWidth || 640), []);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    if (frame.current) watch.observe(frame.current);
    return () => watch.disconnect();
  }, []);

  const text = t().usage;
  const scopes = useScopeOptions(false).map(({ name }) => name);
  const { series, bars } = arrange(rows, begin, span, by);
  const total = bars.reduce((sum, bar) => sum + bar.total, 0);
  const most = Math.max(...bars.map((bar) => bar.total));
  // A limit far above all bars would make them too small to be seen.
  const shownLine = line && line.limit <= 4 * most ? line : undefined;
  const top = ceiling(Math.max(most, shownLine?.limit ?? 0));
  const step = (width - LEFT) / bars.length;
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const label = (time: string) => (span === "day" ? format.shortHour(time) : format.shortDay(time));
  // As many labels as have room.
  const every = Math.ceil(56 / step);
  const summary = text.summary(format.number(total), text[span]);
  return (
    <>
      {series.length > 0 && (
        <ul class="legend">
          {series.map((name, place) => (
            <li key={name}>
              <span class={`swatch s${colour(name, place, by, series, scopes)}`} />
              {seriesName(name, by)}{" "}
              <strong>{format.number(bars.reduce((sum, bar) => sum + (bar.counts[place] ?? 0), 0))}</strong>
            </li>
          ))}
        </ul>
      )}
      <div class="plot" ref={frame}>
        <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={summary}>
          {[0, 0.5, 1].map((part) => (
            <g key={part}>
              <line class="grid" x1={LEFT} x2={width} y1={y(top * part)} y2={y(top * part)} />
              <text x={LEFT - 8} y={y(top * part) + 4} text-anchor="end">
                {format.number(top * part)}
              </text>
            </g>
          ))}
          {bars.map((bar, place) => {
            let below = 0;
            const x = LEFT + place * step;
            return (
              <g key={bar.start}>
                {bar.counts.map((count, index) => {
                  if (count === 0) return null;
                  const from = below;
                  below += count;
                  return (
                    <rect
                      key={series[index]}
                      class={`s${colour(series[index] ?? "", index, by, series, scopes)}`}
                      x={x + step * 0.15}
                      width={step * 0.7}
                      y={y(below)}
                      height={Math.max(1, y(from) - y(below))}
                    >
                      <title>{`${label(bar.start)} · ${seriesName(series[index] ?? "", by)}: ${format.number(count)}`}</title>
                    </rect>
                  );
                })}
                {(bars.length - 1 - place) % every === 0 && x + step / 2 - 24 > LEFT - 20 && (
                  <text x={Math.min(x + step / 2, width - 20)} y={HEIGHT - 5} text-anchor="middle">
                    {label(bar.start)}
                  </text>
                )}
              </g>
            );
          })}
          {shownLine && (
            <g class="limit-line">
              <line x1={LEFT} x2={width} y1={y(shownLine.limit)} y2={y(shownLine.limit)} />
              <text x={LEFT + 4} y={y(shownLine.limit) + 12}>
                {t().limits.line(shownLine.name, format.number(shownLine.limit))}
              </text>
            </g>
          )}
        </svg>
        {total === 0 && <p class="over-plot">{text.none}</p>}
      </div>
      {total > 0 && (
        <details>
          <summary>{text.table}</summary>
          <div class="scroll" tabIndex={0} role="region" aria-labelledby={caption}>
            <table class="plain">
              <caption id={caption} class="visually-hidden">
                {summary}
              </caption>
              <thead>
                <tr>
                  <th scope="col">{text.time}</th>
                  {series.map((name) => (
                    <th key={name} scope="col" class="number">
                      {seriesName(name, by)}
                    </th>
                  ))}
                  <th scope="col" class="number">
                    {text.total}
                  </th>
                </tr>
              </thead>
              <tbody>
                {bars
                  .filter((bar) => bar.total > 0)
                  .map((bar) => (
                    <tr key={bar.start}>
                      <th scope="row">{label(bar.start)}</th>
                      {bar.counts.map((count, index) => (
                        <td key={series[index]} class="number">
                          {format.number(count)}
                        </td>
                      ))}
                      <td class="number">{format.number(bar.total)}</td>
                    </tr>
                  ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </>
  );
}
