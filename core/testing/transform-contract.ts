import assert from 'node:assert/strict';
import { cellAt, columnOf, ColumnWriter, type Cell } from '../data/column.js';
import { fieldsOf } from '../data/feature-rows.js';
import type { RunningPart } from '../parts/create-part.js';
import { transform, type TransformDescription } from '../ports/transform.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';

export interface TransformSetup extends ContractSetup<RunningPart> {
  /** What the transform says of itself, for the options that `make` gives it. */
  readonly description: TransformDescription;
  /** At least two rows of inputs. */
  readonly rows: readonly Readonly<Record<string, Cell>>[];
}

/** What every `Transform` promises: it is a pure function. */
export function transformContract({ runner, make, description, rows }: TransformSetup): void {
  const { describe, it, beforeEach, afterEach } = runner;
  const inputs = fieldsOf(description.reads);
  const outputs = fieldsOf(description.writes);

  function apply(part: RunningPart, given: readonly Readonly<Record<string, Cell>>[]): unknown[] {
    const columns = new Map(
      inputs.map(({ name, type }) => [
        name,
        columnOf(
          type,
          given.map((row) => row[name] ?? null),
        ),
      ]),
    );
    const writers = new Map(outputs.map(({ name, type }) => [name, new ColumnWriter(type, given.length)]));
    part.face(transform).apply(
      {
        rows: given.length,
        offsets: Uint32Array.from([0, given.length]),
        column: (name) => columns.get(name) ?? assert.fail(`it reads "${name}", which it has not declared`),
      },
      {
        column: (name) => writers.get(name) ?? assert.fail(`it writes "${name}", which it has not declared`),
      },
    );
    const written = [...writers].map(([name, writer]) => [name, writer.finish()] as const);
    return given.map((_, row) =>
      Object.fromEntries(written.map(([name, column]) => [name, cellAt(column, row)])),
    );
  }

  describe('Transform contract', () => {
    let part: RunningPart;
    beforeEach(async () => {
      part = await make();
      await part.start(callContext());
    });
    afterEach(() => part.stop());

    it('gives the same columns for the same columns', () => {
      assert.deepEqual(apply(part, rows), apply(part, rows));
    });

    if (description.over !== 'request') {
      it('gives a row the same alone and among others', () => {
        assert.deepEqual(
          rows.map((row) => apply(part, [row])[0]),
          apply(part, rows),
        );
      });
    }

    it('takes no rows', () => {
      assert.deepEqual(apply(part, []), []);
    });

    lifecycleContract({ runner, make }, async (started) => {
      apply(started, rows);
    });
  });
}
