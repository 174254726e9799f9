import assert from 'node:assert/strict';
import type { Cell, Column } from '../data/column.js';
import { FeatureRows, fieldsOf } from '../data/feature-rows.js';
import { status } from '../data/status.js';
import type { CallContext } from '../kernel/call.js';
import type { VivaceError } from '../kernel/errors.js';
import { isThenable } from '../kernel/thenable.js';
import { instantOf } from '../kernel/time.js';
import { featureSource, type FeatureSource, type FeatureSourceDescription } from '../ports/feature-source.js';
import { KeyColumns } from '../steps/fetch/key-columns.js';
import { litterRows, sweepTimes, type Garbage } from './garbage.js';
import { columnsFrom, rowsFrom, rowText, type Cells, type FeaturesOf, type KeyOf } from './plain-rows.js';
import { callContext, type Description, type TestPart } from './start-part.js';

const defaultTime = instantOf('2026-01-01T00:00:00Z')!;

export interface ReadSourceOptions {
  /** The request time, microseconds since 1970. Default: the beginning of 2026. */
  readonly time?: number;
  readonly context?: CallContext;
}

/**
 * Reads a feature source as a fetch would: it gets keys as columns, and its rows are checked against what it declares.
 *
 * @param part Made by `makePart` or `startPart`, and started.
 * @param keys Plain keys, each once, a cell per key column: `[{ place: 'krakow' }]`.
 * @returns For each key the features as a plain row; `'MISSING'` where the source does not hold it; the reason where it could not be read.
 * @throws {VivaceError} What the source threw where nothing could be read.
 */
export async function readSource<D extends Description>(
  part: TestPart<D>,
  keys: readonly KeyOf<D>[],
  { time, context }: ReadSourceOptions = {},
): Promise<(FeaturesOf<D> | 'MISSING' | VivaceError)[]> {
  const { description } = part;
  if (description === undefined || !('features' in description))
    throw new TypeError(`"${part.name}" is not a feature source`);
  const { out } = await readRows(part, {
    source: part.face(featureSource),
    description,
    keys: keys,
    ...(time === undefined ? {} : { time }),
    ...(context === undefined ? {} : { context }),
  });
  return plainRows(out) as (FeaturesOf<D> | 'MISSING' | VivaceError)[];
}

/** One call of a source. */
export interface SourceCall {
  readonly source: FeatureSource;
  readonly description: FeatureSourceDescription;
  readonly keys: readonly Cells[];
  readonly time?: number;
  readonly context?: CallContext;
  /** What stands in the rows before the source fills them. */
  readonly garbage?: Garbage;
  /** Gets the key columns before the source does. */
  readonly onKeys?: (columns: readonly Column[]) => void;
}

/** Reads rows of a source, and settles them as a fetch does. `unfilled` are the rows that it told nothing. */
export async function readRows(
  { name }: { readonly name: string },
  { source, description, keys, time = defaultTime, context = callContext(), garbage, onKeys }: SourceCall,
): Promise<{ readonly out: FeatureRows; readonly unfilled: readonly number[] }> {
  const fields = fieldsOf(description.keys);
  const texts = new Set(keys.map((key) => rowText(fields.map((field) => key[field.name] as Cell))));
  assert.equal(texts.size, keys.length, 'the keys of one call are distinct: give each once');
  const columns = columnsFrom(fields, keys);
  onKeys?.(columns);
  const out = new FeatureRows(fieldsOf(description.features), keys.length);
  if (garbage !== undefined) litterRows(out, garbage);
  const asked = new KeyColumns({ part: name, keys: fields, history: description.offline }, columns, {
    rows: keys.length,
    time,
  });
  // As in a fetch, nobody waits for what a source that gave no promise has not written by then.
  const reading = source.read(asked, out, context);
  if (isThenable(reading)) await reading;
  if (garbage !== undefined) sweepTimes(out, garbage);
  const told: number[] = [status.PRESENT, status.MISSING, status.FAILED];
  const unfilled = [...out.status.keys()].filter((row) => !told.includes(out.status[row] as number));
  out.settle(name, description.maxAgeMs !== undefined);
  return { out, unfilled };
}

/** The rows of a source as plain rows. */
export function plainRows(out: FeatureRows): (Cells | 'MISSING' | VivaceError)[] {
  const columns = out.columns.map((writer) => writer.finish());
  return rowsFrom(out.fields, columns, out.rows).map((row, at) => {
    if (out.status[at] === status.MISSING) return 'MISSING';
    return out.status[at] === status.PRESENT ? row : (out.error as VivaceError);
  });
}
