import assert from 'node:assert/strict';
import type { z } from 'zod';
import { cellAt, type Column } from '../data/column.js';
import { fieldsOf, type FeatureRows, type Field } from '../data/feature-rows.js';
import { status, statusNames } from '../data/status.js';
import { isDefault, notDefault } from '../data/element.js';
import { isKeyType, notKey } from '../data/types.js';
import type { Definition, Uses } from '../parts/definition.js';
import { featureSource, type FeatureSourceDescription } from '../ports/feature-source.js';
import { TimeShift } from './at-another-time.js';
import { garbages } from './garbage.js';
import { lifecycleContract } from './lifecycle-contract.js';
import {
  copyOf,
  defaultTolerance,
  isCopyOf,
  isExpected,
  rowText,
  type Cells,
  type FeaturesOf,
  type KeyOf,
} from './plain-rows.js';
import { plainRows, readRows, type SourceCall } from './read-source.js';
import type { Runner } from './runner.js';
import { callContext, describePart, makePart, type DefinitionSetup, type TestPart } from './start-part.js';

/** A key, and what the source must give for it: a value for each feature, or `'MISSING'` for a key that it does not hold. */
export interface ExpectedFeatures<D extends FeatureSourceDescription = FeatureSourceDescription> {
  readonly key: KeyOf<D>;
  readonly expect: FeaturesOf<D> | 'MISSING';
}

/** What the contract needs to know of a source. */
export type FeatureSourceSetup<
  S extends z.ZodObject,
  U extends Uses,
  D extends FeatureSourceDescription,
> = DefinitionSetup<S, U, D> & {
  readonly runner: Runner;
  /** Distinct keys with what they must give; the source must hold at least two of them, with different features. */
  readonly rows: readonly ExpectedFeatures<D>[];
  /** How far a float may be from its expected value, relative to it. Default: 1e-6. */
  readonly tolerance?: number;
};

/**
 * What every `FeatureSource` promises. It reads the rows of the setup in several orders, at the same time and over outputs that hold
 * garbage, and compares each value; a source that is `pure` must give the same twelve years later.
 */
export function featureSourceContract<
  S extends z.ZodObject,
  U extends Uses,
  D extends FeatureSourceDescription,
>(setup: FeatureSourceSetup<S, U, D>): void {
  const { runner, definition, uses, directory, tolerance = defaultTolerance } = setup;
  const { describe, it, beforeEach, afterEach } = runner;
  const { options = {} } = setup as { readonly options?: object };
  const description: FeatureSourceDescription = describePart(definition, options);
  const rows = setup.rows as readonly ExpectedFeatures[];
  const features = fieldsOf(description.features);
  const keys = rows.map(({ key }) => key);
  const shift = new TimeShift();

  const make = async (): Promise<TestPart> =>
    makePart(definition as unknown as Definition, options, {
      uses: (await uses?.()) ?? {},
      clock: shift.clock,
      ...(directory === undefined ? {} : { directory }),
    });
  const read = (
    part: TestPart,
    wanted: readonly Cells[],
    more: Pick<SourceCall, 'garbage' | 'onKeys'> = {},
  ): ReturnType<typeof readRows> =>
    readRows(part, { source: part.face(featureSource), description, keys: wanted, ...more });
  const answer = async (part: TestPart, wanted: readonly Cells[]): Promise<unknown[]> =>
    plainRows((await read(part, wanted)).out);

  describe('FeatureSource contract', () => {
    let part: TestPart;
    beforeEach(async () => {
      part = await make();
      await part.start(callContext());
    });
    afterEach(() => part.stop());

    it('describes keys and features before it starts, the same each time', () => {
      assert.ok(['pure', 'as-of', 'log-only'].includes(description.offline));
      assert.ok(
        description.offline !== 'pure' || description.maxAgeMs === undefined,
        'what a pure function gives has no age, so it has no maxAgeMs',
      );
      const keyFields = fieldsOf(description.keys);
      assert.ok(keyFields.length > 0 && features.length > 0, 'it has a key and a feature');
      for (const { name, type } of keyFields) assert.ok(isKeyType(type), `key "${name}": ${notKey(type)}`);
      for (const { name, type } of features) {
        const spec = description.features[name]!;
        if (typeof spec === 'string' || spec.default === undefined) continue;
        assert.ok(isDefault(type, spec.default), `default of "${name}": ${notDefault(type, spec.default)}`);
      }
      assert.deepEqual(describePart(definition, options), description);
    });

    it('is given at least two rows that it holds and that differ', () => {
      const held = rows.flatMap(({ expect }) => (expect === 'MISSING' ? [] : [rowText(expect)]));
      assert.ok(new Set(held).size >= 2, 'give the contract two keys with different expected values');
    });

    it('gives the values that are expected', async () => {
      const { out } = await read(part, keys);
      compare(out, rows, { features, tolerance });
    });

    it('fills every row: it sets its cells, or says that it is present, missing or failed', async () => {
      const { unfilled } = await read(part, keys);
      assert.deepEqual(unfilled, [], `it left the rows of the keys ${textOf(unfilled, keys)} unset`);
    });

    it('writes every cell of a row that it says is present', async () => {
      const [one, other] = garbages;
      const first = (await read(part, keys, { garbage: one })).out;
      const second = (await read(part, keys, { garbage: other })).out;
      assertSame(first, second, { keys, why: 'where other things stood there before' });
      compare(first, rows, { features, tolerance });
    });

    it('leaves its keys as they are', async () => {
      let given: readonly Column[] = [];
      let before: unknown;
      await read(part, keys, { onKeys: (columns) => ((given = columns), (before = copyOf(columns))) });
      assert.ok(isCopyOf(before, given), 'it has written to its key columns, which others read too');
    });

    it('answers in the order of the keys', async () => {
      const { out } = await read(part, [...keys].reverse());
      compare(out, [...rows].reverse(), { features, tolerance });
    });

    it('answers a key the same alone and among others', async () => {
      const together = await answer(part, keys);
      for (const [at, key] of keys.entries())
        assert.deepEqual(await answer(part, [key]), [together[at]], `alone: ${rowText(key)}`);
    });

    it('answers calls that run at the same time each with its own rows', async () => {
      const each = await Promise.all(keys.map((key) => answer(part, [key])));
      assert.deepEqual(each.flat(), await answer(part, keys));
    });

    it('gives rows that stay what they are, whatever is read next', async () => {
      const { out } = await read(part, keys);
      const before = structuredClone(plainRows(out));
      await read(part, [...keys].reverse());
      assert.deepEqual(plainRows(out), before, 'the next call has changed them: it uses its arrays again');
    });

    if (description.offline === 'pure') {
      it('does not ask for the request time, which what is pure does not depend on', async () => {
        // Asking throws, as it does in a pipeline: a source that catches the error would still depend on the time.
        let asked = false;
        const source = part.face(featureSource);
        await readRows(part, {
          source: {
            read: (given, out, context) =>
              source.read(
                Object.create(given, {
                  rows: { value: given.rows },
                  column: { value: (name: string) => given.column(name) },
                  time: { get: () => ((asked = true), given.time) },
                }) as typeof given,
                out,
                context,
              ),
          },
          description,
          keys,
        }).catch((error: unknown) => {
          if (!asked) throw error;
        });
        assert.ok(!asked, 'it asks for keys.time: declare a key of type timestamp instead');
      });

      it('gives the same at another time, and with other random numbers', async () => {
        const answers = await shift.answers(make, (made) => answer(made, keys));
        for (const other of answers.slice(1))
          assert.deepEqual(other, answers[0], 'it is pure, and what it gives depends on when it is asked');
      });
    }

    lifecycleContract({
      runner,
      make,
      port: featureSource,
      calls: {
        read: (source, context) =>
          readRows({ name: definition.name }, { source, description, keys, context }),
      },
    });
  });
}

function compare(
  out: FeatureRows,
  expected: readonly ExpectedFeatures[],
  { features, tolerance }: { readonly features: readonly Field[]; readonly tolerance: number },
): void {
  const columns = out.columns.map((writer) => writer.finish());
  expected.forEach(({ key, expect }, row) => {
    const of = `the key ${rowText(key)}`;
    const wanted = expect === 'MISSING' ? status.MISSING : status.PRESENT;
    assert.ok(
      out.status[row] === wanted,
      `${of} is ${statusNames[out.status[row] as number]}, ${statusNames[wanted]} is expected${out.error === undefined ? '' : `: ${out.error.message}`}`,
    );
    if (expect === 'MISSING') return;
    assert.deepEqual(
      Object.keys(expect).sort(),
      features.map(({ name }) => name).sort(),
      `what is expected of ${of} names every feature`,
    );
    features.forEach((feature, i) => {
      const cell = cellAt(columns[i] as Column, row);
      assert.ok(
        isExpected(feature, cell, expect[feature.name], tolerance),
        `${of}: "${feature.name}" is ${rowText(cell)}, ${rowText(expect[feature.name])} is expected`,
      );
    });
  });
}

function assertSame(
  first: FeatureRows,
  second: FeatureRows,
  { keys, why }: { readonly keys: readonly Cells[]; readonly why: string },
): void {
  const [a, b] = [plainRows(first), plainRows(second)];
  keys.forEach((key, row) => {
    assert.deepEqual(
      a[row],
      b[row],
      `the key ${rowText(key)} has other values ${why}: a cell is not written`,
    );
    assert.deepEqual(
      [first.eventTime[row], first.availableTime[row]],
      [second.eventTime[row], second.availableTime[row]],
      `the key ${rowText(key)} has other times ${why}`,
    );
  });
}

const textOf = (rows: readonly number[], keys: readonly Cells[]): string =>
  rows.map((row) => rowText(keys[row])).join(', ');
