import type { Attributes } from '@opentelemetry/api';
import type { FrameColumn } from '../data/frame.js';
import { status } from '../data/status.js';
import type { Field } from '../data/feature-rows.js';
import { attributeNames } from '../kernel/attribute-names.js';

const statuses = ['null', 'missing', 'stale', 'defaulted', 'failed'] as const;

/** By code, where a status is counted; -1 for those that are not. */
const slots = new Int8Array(256).fill(-1);
[status.NULL, status.MISSING, status.STALE, status.DEFAULTED, status.FAILED].forEach(
  (code, slot) => (slots[code] = slot),
);

/**
 * Counts of one pipeline's features, kept in typed arrays: a metrics record per feature and request would cost more than the fetch.
 * Observable instruments read them when metrics are collected.
 */
export class FeatureCounters {
  readonly #fetches: {
    readonly alias: string;
    readonly features: readonly string[];
    readonly cells: Float64Array;
    rows: number;
    future: number;
  }[] = [];

  /** Makes room for one fetch; pass the result to `add`. */
  register({ alias, features }: { readonly alias: string; readonly features: readonly Field[] }): number {
    this.#fetches.push({
      alias,
      features: features.map((feature) => feature.name),
      cells: new Float64Array(features.length * statuses.length),
      rows: 0,
      future: 0,
    });
    return this.#fetches.length - 1;
  }

  /** Adds the rows of one fetch, as objects see them. */
  add(
    fetch: number,
    columns: readonly FrameColumn[],
    { rows, future }: { rows: number; future: number },
  ): void {
    const target = this.#fetches[fetch]!;
    target.rows += rows;
    target.future += future;
    const { cells } = target;
    columns.forEach((column, feature) => {
      if (column.status === undefined) return;
      const first = feature * statuses.length;
      for (const code of column.status) {
        const slot = slots[code] as number;
        if (slot >= 0) cells[first + slot] = (cells[first + slot] as number) + 1;
      }
    });
  }

  *cells(): Generator<Counted> {
    for (const { alias, features, cells } of this.#fetches) {
      for (const [f, feature] of features.entries()) {
        for (const [s, name] of statuses.entries()) {
          const value = cells[f * statuses.length + s]!;
          if (value === 0) continue;
          const attributes = {
            [attributeNames.step]: alias,
            [attributeNames.feature]: feature,
            [attributeNames.status]: name,
          };
          yield { value, attributes };
        }
      }
    }
  }

  *rows(): Generator<Counted> {
    for (const { alias, rows, future } of this.#fetches) {
      const of = (kind: string): Attributes => ({
        [attributeNames.step]: alias,
        [attributeNames.kind]: kind,
      });
      yield { value: rows, attributes: of('read') };
      if (future > 0) yield { value: future, attributes: of('future') };
    }
  }
}

/** A count, and what it counts. */
interface Counted {
  readonly value: number;
  readonly attributes: Attributes;
}
