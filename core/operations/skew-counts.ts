import { formatInstant } from '../kernel/time.js';
import type { ComparedRows, SkewedRow } from '../offline/compare-fetch.js';
import type { ComputedNode } from '../offline/recompute.js';
import type { RowIdentity, SkewCause } from '../offline/skew-cause.js';
import { NumberGatherer } from './summary.js';

/** How many rows are shown of each cause. */
const shown = 3;

/** How often each cause applied; those that never did are absent. */
export type SkewCauses = Partial<Record<SkewCause, number>>;

/** A feature as it was served, against what is computed anew. */
export interface SkewOfFeature {
  readonly name: string;
  readonly rows: number;
  /** Rows in which its value differs. */
  readonly mismatches: number;
  /** Of the relative errors of numbers that differ; absent where there are none. */
  readonly error?: { readonly p50: number; readonly p99: number };
  readonly causes: SkewCauses;
}

/** A row that differs, for people to look at. */
export interface SkewExample {
  readonly cause: SkewCause;
  readonly requestId: string;
  readonly index: number;
  /** RFC 3339, as all times. */
  readonly time: string;
  readonly served: ShownRow;
  readonly recomputed: ShownRow;
  /** The features that differ. */
  readonly values: Readonly<Record<string, { readonly served: unknown; readonly recomputed: unknown }>>;
}

export interface ShownRow {
  readonly status: RowIdentity['status'];
  readonly eventTime?: string;
  readonly availableTime?: string;
}

/** A fetch of a view as it was served, against what is computed anew. */
export interface SkewOfFetch {
  /** The alias of its step. */
  readonly fetch: string;
  readonly view: string;
  /** Rows that it was asked for. */
  readonly rows: number;
  /** Rows of which the status, a time or a value differs. */
  readonly mismatches: number;
  /** A row has the cause of its times or, where these are the same, of the value that is furthest off. */
  readonly causes: SkewCauses;
  readonly features: readonly SkewOfFeature[];
  /** The first three rows of each cause. */
  readonly examples: readonly SkewExample[];
}

/** Counts the rows of a fetch that differ, in bounded memory. */
export class SkewCounts {
  readonly #computed: ComputedNode;
  readonly #features: readonly {
    readonly name: string;
    readonly isNumber: boolean;
    readonly errors: NumberGatherer;
    readonly causes: SkewCauses;
  }[];
  readonly #causes: SkewCauses = {};
  readonly #examples: SkewExample[] = [];
  #rows = 0;

  constructor(computed: ComputedNode) {
    this.#computed = computed;
    const { alias, writes } = computed.node;
    this.#features = writes.map(({ name, type }) => ({
      name: name.slice(alias.length + 1),
      isNumber: /^(?:float|int)/.test(type.element),
      errors: new NumberGatherer(),
      causes: {},
    }));
  }

  add({ rows, skewed }: ComparedRows): void {
    this.#rows += rows;
    for (const row of skewed) {
      count(this.#causes, row.cause);
      if (this.#causes[row.cause]! <= shown) this.#examples.push(this.#example(row));
      for (const { feature, error, cause } of row.values) {
        const { causes, errors, isNumber } = this.#features[feature]!;
        count(causes, cause);
        if (isNumber && Number.isFinite(error)) errors.add(error);
      }
    }
  }

  summary(): SkewOfFetch {
    const { node, view } = this.#computed;
    return {
      fetch: node.alias,
      view: view.name,
      rows: this.#rows,
      mismatches: sum(this.#causes),
      causes: this.#causes,
      features: this.#features.map(({ name, errors, causes }) => {
        const quantiles = errors.summary()?.quantiles;
        return {
          name,
          rows: this.#rows,
          mismatches: sum(causes),
          ...(quantiles === undefined ? {} : { error: { p50: quantiles.p50, p99: quantiles.p99 } }),
          causes,
        };
      }),
      examples: this.#examples,
    };
  }

  #example({ cause, requestId, index, time, served, recomputed, values }: SkewedRow): SkewExample {
    const { isStatic } = this.#computed.view;
    return {
      cause,
      requestId,
      index,
      time: formatInstant(time) ?? '',
      served: shownRow(served, isStatic),
      recomputed: shownRow(recomputed, isStatic),
      // Keys: names of features.
      values: Object.fromEntries(
        values.map(({ feature, served: was, recomputed: is }) => [
          this.#features[feature]!.name,
          { served: jsonOf(was), recomputed: jsonOf(is) },
        ]),
      ),
    };
  }
}

function count(causes: SkewCauses, cause: SkewCause): void {
  causes[cause] = (causes[cause] ?? 0) + 1;
}

function sum(causes: SkewCauses): number {
  return Object.values(causes).reduce((all, each) => all + each, 0);
}

function shownRow({ status, eventTime, availableTime }: RowIdentity, isStatic: boolean): ShownRow {
  if (isStatic || status === 'MISSING' || status === 'FAILED') return { status };
  return {
    status,
    eventTime: formatInstant(eventTime) ?? String(eventTime),
    availableTime: formatInstant(availableTime) ?? String(availableTime),
  };
}

/** A value as JSON can say it. */
function jsonOf(value: unknown): unknown {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)))
    return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return Array.isArray(value) ? value.map(jsonOf) : value;
}
