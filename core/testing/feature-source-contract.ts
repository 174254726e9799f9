import assert from 'node:assert/strict';
import { cellAt, columnOf, type Cell } from '../data/column.js';
import { FeatureRows, fieldsOf, type Field } from '../data/feature-rows.js';
import { status } from '../data/status.js';
import type { RunningPart } from '../parts/create-part.js';
import { featureSource, type FeatureSourceDescription } from '../ports/feature-source.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';
import { instantOf } from '../kernel/time.js';

export interface FeatureSourceSetup extends ContractSetup<RunningPart> {
  /** What the source says of itself, for the options that `make` gives it. */
  readonly description: FeatureSourceDescription;
  /** At least two keys that the source knows, each with a value per key column. */
  readonly keys: readonly Readonly<Record<string, Cell>>[];
  /** A key it does not know, where there can be one. */
  readonly unknownKey?: Readonly<Record<string, Cell>>;
}

/** What every `FeatureSource` promises. */
export function featureSourceContract({
  runner,
  make,
  description,
  keys,
  unknownKey,
}: FeatureSourceSetup): void {
  const { describe, it, beforeEach, afterEach } = runner;
  const keyFields = fieldsOf(description.keys);
  const features = fieldsOf(description.features);
  const time = instantOf('2026-01-01T00:00:00Z')!;

  async function read(
    part: RunningPart,
    wanted: readonly Readonly<Record<string, Cell>>[],
  ): Promise<FeatureRows> {
    const out = new FeatureRows(features, wanted.length);
    const columns = new Map(
      keyFields.map(({ name, type }) => [
        name,
        columnOf(
          type,
          wanted.map((key) => key[name] ?? null),
        ),
      ]),
    );
    const column = (name: string) => {
      const found = columns.get(name);
      assert.ok(found, `the source asks for the key "${name}", which it has not declared`);
      return found;
    };
    await part.face(featureSource).read({ rows: wanted.length, time, column }, out, callContext());
    return out;
  }

  describe('FeatureSource contract', () => {
    let part: RunningPart;
    beforeEach(async () => {
      part = await make();
      await part.start(callContext());
    });
    afterEach(() => part.stop());

    it('declares keys and features before it starts', () => {
      assert.ok(keyFields.length > 0 && features.length > 0);
      assert.ok(['pure', 'as-of', 'log-only'].includes(description.offline));
    });

    it('answers in the order of the keys', async () => {
      const forward = rowsOf(await read(part, keys), features);
      const backward = rowsOf(await read(part, [...keys].reverse()), features);
      assert.deepEqual(backward.reverse(), forward);
    });

    it('answers a key the same alone and among others', async () => {
      const [alone] = rowsOf(await read(part, keys.slice(0, 1)), features);
      assert.deepEqual(rowsOf(await read(part, keys), features)[0], alone);
    });

    it('marks every row it was asked for', async () => {
      const rows = await read(part, keys);
      for (const code of rows.status)
        assert.ok([status.PRESENT, status.MISSING, status.FAILED].includes(code as 0 | 2 | 5));
    });

    it('answers calls that run at the same time each with its own rows', async () => {
      const each = await Promise.all(keys.map((key) => read(part, [key])));
      const together = rowsOf(await read(part, keys), features);
      assert.deepEqual(
        each.map((rows) => rowsOf(rows, features)[0]),
        together,
      );
    });

    if (unknownKey !== undefined) {
      it('answers MISSING for a key it does not hold, beside those it does', async () => {
        const rows = await read(part, [keys[0]!, unknownKey]);
        assert.deepEqual([...rows.status], [status.PRESENT, status.MISSING]);
      });
    }

    lifecycleContract({ runner, make }, async (started) => {
      await read(started, keys);
    });
  });
}

function rowsOf(rows: FeatureRows, features: readonly Field[]): unknown[] {
  const columns = rows.columns.map((writer) => writer.finish());
  return Array.from({ length: rows.rows }, (_, row) => ({
    status: rows.status[row],
    ...Object.fromEntries(features.map((feature, i) => [feature.name, cellAt(columns[i]!, row)])),
  }));
}
