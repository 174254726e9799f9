import {
  durationText,
  formatInstant,
  onlyPart,
  offlineStore,
  showFeatures,
  withServer,
  type ShownFeature,
  type ShownView,
} from 'vivace';
import { loadConfiguration } from '../configuration.js';
import { lastMomentOf } from '../option-values.js';
import type { WithConfig, WithJson } from '../options.js';
import { count, Progress } from '../progress.js';
import type { Run } from '../run.js';
import { tableText } from '../table-text.js';

export interface ShowFeaturesCommandOptions extends WithConfig, WithJson {
  readonly until?: string;
  readonly store?: string;
}

/** Prints what the features of a view look like over all its keys. */
export async function showView(view: string, options: ShowFeaturesCommandOptions, run: Run): Promise<void> {
  const { terminal, notes } = run;
  const { until, store: wanted } = options;
  const times = until === undefined ? {} : { untilMs: lastMomentOf('--until', until) };
  await withServer(await loadConfiguration(options, terminal), async (server) => {
    const sourced = server.views.get(view)?.source !== undefined;
    const store = sourced ? { store: onlyPart(server, offlineStore, { wanted, say: '--store' }) } : {};
    const progress = new Progress(view, notes);
    if (sourced) progress.update({ rows: 0, phase: 'waiting for the warehouse' });
    try {
      const shown = await showFeatures(
        server,
        { view, ...times, ...store, onProgress: progress.update },
        { signal: terminal.signal },
      );
      progress.finish(`${count(shown.rows)} rows read`);
      terminal.stdout.write(options.json === true ? `${JSON.stringify(shown)}\n` : textOf(shown));
    } catch (error) {
      progress.leave();
      throw error;
    }
  });
}

function textOf({ view, hash, until, rows, freshness, features }: ShownView): string {
  const lines = [`${view} (${hash}): ${count(rows)} rows as of ${until}`];
  if (freshness !== undefined) {
    const { newest, oldest, medianAgeMs, stale } = freshness;
    lines.push(
      `  event times from ${oldest} to ${newest}; half of the rows are older than ${durationText(Math.max(0, medianAgeMs))}`,
    );
    if (stale !== undefined && stale > 0)
      lines.push(`  ${count(stale)} rows (${percent(stale, rows)}) are older than the max age`);
  }
  const numeric = features.filter(({ numbers }) => numbers !== undefined);
  const others = features.filter(({ numbers }) => numbers === undefined);
  if (numeric.length > 0) {
    const header = ['feature', 'nulls', 'min', 'p5', 'p50', 'p95', 'max', 'p1 to p99'];
    lines.push('', ...tableText([header, ...numeric.map((feature) => numbersOf(feature, rows))]));
  }
  if (others.length > 0) {
    const header = ['feature', 'nulls', 'distinct', 'most frequent'];
    lines.push('', ...tableText([header, ...others.map((feature) => valuesOf(feature, rows))]));
  }
  return `${lines.join('\n')}\n`;
}

function numbersOf({ name, type, nulls, notNumbers, numbers, unit }: ShownFeature, rows: number): string[] {
  const { min, max, quantiles, histogram } = numbers!;
  const text = (value: number): string =>
    type === 'timestamp' ? (formatInstant(value) ?? '') : numberText(value);
  const isLength = type.includes('[') || type.includes('<') || type === 'bytes';
  return [
    `${name}${isLength ? ' (length)' : unit === undefined ? '' : ` (${unit})`}`,
    `${percent(nulls, rows)}${notNumbers === 0 ? '' : `, ${count(notNumbers)} NaN or infinite`}`,
    ...[min, quantiles.p5, quantiles.p50, quantiles.p95, max].map(text),
    barsOf(histogram),
  ];
}

function valuesOf({ name, nulls, notNumbers, values }: ShownFeature, rows: number): string[] {
  const there = rows - nulls - notNumbers;
  const top = (values?.top ?? [])
    .slice(0, 3)
    .map(({ value, rows: of }) => `${JSON.stringify(value.slice(0, 24))} ${percent(of, there)}`);
  const distinct =
    values === undefined ? '0' : values.distinct === undefined ? '> 10,000' : count(values.distinct);
  return [name, percent(nulls, rows), distinct, top.join(', ')];
}

const bars = ' ▁▂▃▄▅▆▇█';

/** A histogram in one line. */
function barsOf(histogram: readonly number[]): string {
  const most = Math.max(...histogram);
  return histogram.map((rows) => bars[rows === 0 ? 0 : Math.max(1, Math.round((rows / most) * 8))]!).join('');
}

function percent(part: number, of: number): string {
  if (part === 0 || of === 0) return '0 %';
  const share = (part / of) * 100;
  return share < 0.1 ? '< 0.1 %' : `${share.toFixed(1)} %`;
}

/** Five digits that count. */
function numberText(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e9
    ? String(value)
    : String(Number(value.toPrecision(5)));
}
