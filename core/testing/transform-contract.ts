import assert from 'node:assert/strict';
import type { z } from 'zod';
import { cellAt, type Column } from '../data/column.js';
import { fieldsOf } from '../data/feature-rows.js';
import type { Definition, Uses } from '../parts/definition.js';
import { transform, type TransformDescription } from '../ports/transform.js';
import { applyColumns, type TransformCall } from './apply-transform.js';
import { TimeShift } from './at-another-time.js';
import { garbages } from './garbage.js';
import { lifecycleContract } from './lifecycle-contract.js';
import {
  copyOf,
  defaultTolerance,
  isCopyOf,
  isExpected,
  rowsFrom,
  rowText,
  type Cells,
  type InputsOf,
  type OutputsOf,
} from './plain-rows.js';
import type { Runner } from './runner.js';
import { callContext, describePart, makePart, type DefinitionSetup, type TestPart } from './start-part.js';

/** A row of inputs, and what the transform must give for it. */
export interface ExpectedOutputs<D extends TransformDescription = TransformDescription> {
  readonly input: InputsOf<D>;
  readonly expect: OutputsOf<D>;
}

/** What the contract needs to know of a transform. */
export type TransformSetup<
  S extends z.ZodObject,
  U extends Uses,
  D extends TransformDescription,
> = DefinitionSetup<S, U, D> & {
  readonly runner: Runner;
  /** Rows of inputs with the outputs they must give, at least two that differ; with `over: 'request'` they are those of one request. */
  readonly rows: readonly ExpectedOutputs<D>[];
  /** How far a float may be from its expected value, relative to it. Default: 1e-6. */
  readonly tolerance?: number;
};

/**
 * What every `Transform` promises: it is a pure function of its columns. It is applied to the rows of the setup in several ways and over
 * outputs that hold garbage, each value is compared, and it must give the same twelve years later.
 */
export function transformContract<S extends z.ZodObject, U extends Uses, D extends TransformDescription>(
  setup: TransformSetup<S, U, D>,
): void {
  const { runner, definition, uses, directory, tolerance = defaultTolerance } = setup;
  const { describe, it, beforeEach, afterEach } = runner;
  const { options = {} } = setup as { readonly options?: object };
  const description: TransformDescription = describePart(definition, options);
  const expected = setup.rows as readonly ExpectedOutputs[];
  const rows = expected.map(({ input }) => input);
  const outputs = fieldsOf(description.writes);
  const shift = new TimeShift();

  const make = async (): Promise<TestPart> =>
    makePart(definition as unknown as Definition, options, {
      uses: (await uses?.()) ?? {},
      clock: shift.clock,
      ...(directory === undefined ? {} : { directory }),
    });
  const apply = (
    part: TestPart,
    given: readonly Cells[],
    more: Pick<TransformCall, 'garbage' | 'onInputs' | 'offsets'> = {},
  ): Column[] => applyColumns(part, { transform: part.face(transform), description, rows: given, ...more });
  const plain = (columns: readonly Column[], count = rows.length): Cells[] =>
    rowsFrom(outputs, columns, count);

  const compare = (columns: readonly Column[], wanted: readonly ExpectedOutputs[]): void =>
    wanted.forEach(({ input, expect }, row) => {
      assert.deepEqual(
        Object.keys(expect).sort(),
        outputs.map(({ name }) => name).sort(),
        `what is expected of ${rowText(input)} names every output`,
      );
      outputs.forEach((output, i) => {
        const cell = cellAt(columns[i] as Column, row);
        assert.ok(
          isExpected(output, cell, expect[output.name], tolerance),
          `row ${row}, ${rowText(input)}: "${output.name}" is ${rowText(cell)}, ${rowText(expect[output.name])} is expected`,
        );
      });
    });

  describe('Transform contract', () => {
    let part: TestPart;
    beforeEach(async () => {
      part = await make();
      await part.start(callContext());
    });
    afterEach(() => part.stop());

    it('describes what it reads and writes before it starts, the same each time', () => {
      assert.ok(
        fieldsOf(description.reads).length > 0 && outputs.length > 0,
        'it has an input and an output',
      );
      assert.ok([undefined, 'row', 'request'].includes(description.over));
      assert.deepEqual(describePart(definition, options), description);
    });

    it('is given at least two rows that differ in what they must give', () => {
      const different = new Set(expected.map(({ expect }) => rowText(expect)));
      assert.ok(different.size >= 2, 'give the contract two rows with different expected outputs');
    });

    it('answers at once, and gives no promise', () => {
      // The guard refuses a promise, and says so.
      assert.doesNotThrow(() => apply(part, rows));
    });

    it('gives the outputs that are expected', () => {
      compare(apply(part, rows), expected);
    });

    it('writes every row of every output', () => {
      const [first, second] = garbages.map((garbage) => plain(apply(part, rows, { garbage })));
      rows.forEach((row, at) =>
        assert.deepEqual(
          first![at],
          second![at],
          `row ${at}, ${rowText(row)}, has other outputs where other things stood there before: a cell is not written`,
        ),
      );
      compare(apply(part, rows, { garbage: garbages[0] }), expected);
    });

    it('leaves its inputs as they are', () => {
      let given: readonly Column[] = [];
      let before: unknown;
      apply(part, rows, { onInputs: (columns) => ((given = columns), (before = copyOf(columns))) });
      assert.ok(isCopyOf(before, given), 'it has written to its input columns, which others read too');
    });

    it('gives columns that stay what they are, whatever comes next', () => {
      const columns = apply(part, rows);
      const before = structuredClone(plain(columns));
      apply(part, [...rows].reverse());
      assert.deepEqual(plain(columns), before, 'the next call has changed them: it uses its arrays again');
    });

    if (description.over === 'request') {
      it('gives a request the same alone and among others, of which some have no rows', () => {
        const n = rows.length;
        const [first] = rows as [Cells];
        const alone = plain(apply(part, [first]), 1);
        const columns = apply(part, [...rows, first, ...rows], {
          offsets: [0, 0, n, n, n + 1, 2 * n + 1, 2 * n + 1],
        });
        const all = plain(columns, 2 * n + 1);
        compare(columns, expected);
        assert.deepEqual(all.slice(0, n), all.slice(n + 1), 'two equal requests have other outputs');
        assert.deepEqual([all[n]], alone, 'a request of one row has other outputs among others');
      });

      it('takes requests without rows', () => {
        assert.deepEqual(plain(apply(part, [], { offsets: [0, 0, 0] }), 0), []);
      });
    } else {
      it('gives a row the same alone and among others, in any order', () => {
        const together = plain(apply(part, rows));
        rows.forEach((row, at) =>
          assert.deepEqual(plain(apply(part, [row]), 1), [together[at]], `alone: ${rowText(row)}`),
        );
        compare(apply(part, [...rows].reverse()), [...expected].reverse());
      });
    }

    it('takes no rows', () => {
      assert.deepEqual(plain(apply(part, []), 0), []);
    });

    it('gives the same at another time, and with other random numbers', async () => {
      const answers = await shift.answers(make, (made) => plain(apply(made, rows)));
      for (const other of answers.slice(1))
        assert.deepEqual(other, answers[0], 'what it gives depends on when it is asked');
    });

    lifecycleContract({
      runner,
      make,
      port: transform,
      calls: {
        apply: (face) => void applyColumns({ name: definition.name }, { transform: face, description, rows }),
      },
    });
  });
}
