import { cellAt, isValid, type Cell, type Column } from '../data/column.js';
import { textKey, type TextKey } from '../kernel/text-keys.js';

/** Values that are kept of a column, from which its quantiles are taken: with more, a quantile is off by less than a percent. */
const sampled = 20_000;
/** Distinct values that are counted. */
const mostDistinct = 10_000;
/** Bars of a histogram. */
const bins = 24;

/** Numbers of one column. */
export interface NumberSummary {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly quantiles: Readonly<Record<'p1' | 'p5' | 'p25' | 'p50' | 'p75' | 'p95' | 'p99', number>>;
  /** Values in 24 bars of one width from p1 to p99; what lies beyond is in the first and the last one. Empty where these are equal. */
  readonly histogram: readonly number[];
}

/** Values of one column by their number. */
export interface ValueSummary {
  /** Absent for more than 10,000. */
  readonly distinct?: number;
  /** The most frequent ones among those that were counted, at most ten. */
  readonly top: readonly { readonly value: string; readonly rows: number }[];
}

/** Gathers numbers in bounded memory: quantiles are exact up to 20,000 values, and those of a sample beyond. */
export class NumberGatherer {
  readonly #sample = new Float64Array(sampled);
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;
  #random = 1;

  add(value: number): void {
    this.#count++;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    const at = this.#count <= sampled ? this.#count - 1 : Math.floor(this.#next() * this.#count);
    if (at < sampled) this.#sample[at] = value;
  }

  /** From 0 to 1: the same numbers each time, so that a summary is, too (the generator of Numerical Recipes). */
  #next(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random / 4_294_967_296;
  }

  /** `undefined` where there was none. */
  summary(): NumberSummary | undefined {
    if (this.#count === 0) return undefined;
    const sorted = this.#sample.slice(0, Math.min(this.#count, sampled)).sort();
    const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? sorted[0]!;
    const quantiles = {
      p1: at(0.01),
      p5: at(0.05),
      p25: at(0.25),
      p50: at(0.5),
      p75: at(0.75),
      p95: at(0.95),
      p99: at(0.99),
    };
    return {
      min: this.#min,
      max: this.#max,
      mean: this.#sum / this.#count,
      quantiles,
      histogram: histogramOf(sorted, quantiles),
    };
  }
}

function histogramOf(values: Float64Array, { p1, p99 }: NumberSummary['quantiles']): readonly number[] {
  const width = (p99 - p1) / bins;
  if (!(width > 0) || !Number.isFinite(width)) return [];
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor((value - p1) / width)));
    counts[bin] = counts[bin]! + 1;
  }
  return counts;
}

/** Counts values in bounded memory. */
export class ValueGatherer {
  readonly #counts = new Map<TextKey, { readonly value: string; rows: number }>();
  #full = false;

  add(value: string): void {
    const key = textKey(value);
    const known = this.#counts.get(key);
    if (known !== undefined) known.rows++;
    else if (this.#counts.size < mostDistinct) this.#counts.set(key, { value, rows: 1 });
    else this.#full = true;
  }

  summary(): ValueSummary {
    const top = [...this.#counts.values()].sort((a, b) => b.rows - a.rows).slice(0, 10);
    return { ...(this.#full ? {} : { distinct: this.#counts.size }), top };
  }
}

/** Gathers the values of a column: numbers, truth values and texts by themselves, lists, vectors and bytes by their lengths. */
export class ColumnGatherer {
  #nulls = 0;
  #notNumbers = 0;
  readonly #numbers = new NumberGatherer();
  readonly #values = new ValueGatherer();

  add(column: Column): void {
    for (let row = 0; row < column.rows; row++) {
      if (isValid(column, row)) this.#cell(cellAt(column, row));
      else this.#nulls++;
    }
  }

  #cell(cell: Cell): void {
    if (typeof cell === 'number' || typeof cell === 'bigint') {
      const value = Number(cell);
      if (Number.isFinite(value)) this.#numbers.add(value);
      else this.#notNumbers++;
    } else if (typeof cell === 'string' || typeof cell === 'boolean') this.#values.add(String(cell));
    else if (cell !== null) this.#numbers.add(cell.length);
  }

  get nulls(): number {
    return this.#nulls;
  }

  /** NaN and infinities, which are in no other figure. */
  get notNumbers(): number {
    return this.#notNumbers;
  }

  get numbers(): NumberSummary | undefined {
    return this.#numbers.summary();
  }

  get values(): ValueSummary | undefined {
    const summary = this.#values.summary();
    return summary.top.length === 0 ? undefined : summary;
  }
}
