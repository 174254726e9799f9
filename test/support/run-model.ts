import type { CellOf, FeatureSpec, PipelineDeclaration, Signature, Tensor } from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { cache } from 'vivace/plugins/cache';
import { scripted, scriptedModel, withServer, type PredictTensors, type ReadRows } from './scripted.js';

const one: Signature['outputs'] = [{ name: 'y', datatype: 'FP64', shape: [-1] }];
const ones: PredictTensors = (_, { rows }) => [
  { name: 'y', datatype: 'FP64', shape: [rows], data: new Float64Array(rows).fill(1) },
];

/** A model, and what it is called with. */
export interface Setup {
  readonly inputs: Signature['inputs'];
  readonly outputs?: Signature['outputs'];
  readonly over?: 'row' | 'request';
  readonly predict?: PredictTensors;
  readonly declaration?: Partial<PipelineDeclaration>;
  readonly predictStep?: object;
  readonly features?: Record<string, string | FeatureSpec>;
  /** Cells per feature, by the number that an object's `id` is. */
  readonly cells?: Record<string, readonly CellOf[]>;
  readonly onMissing?: 'skip' | 'default';
}

/** What came of it. */
interface ModelRun {
  readonly answer: {
    readonly objects: readonly Readonly<Record<string, unknown>>[];
    readonly models: readonly object[];
  };
  /** The calls of the model. */
  readonly seen: readonly Seen[];
}

interface Seen {
  readonly inputs: readonly Tensor[];
  readonly rows: number;
  readonly offsets: number[] | undefined;
}

/** Runs a model over objects whose ids are 0, 1, 2 …; the features are those of the ids, and an id beyond them is MISSING. */
export async function runModel(
  setup: Setup,
  ids: readonly number[],
  request: Record<string, unknown> = {},
): Promise<ModelRun> {
  const { features = {}, cells = {} } = setup;
  const seen: Seen[] = [];
  const read: ReadRows = (keys, out) => {
    (keys.column('id').values as Int32Array).forEach((id, row) => {
      const all = Object.entries(cells);
      if (all.length > 0 && id >= all[0]![1].length) return out.setMissing(row);
      for (const [name, column] of all) out.column(name).set(row, column[id] ?? null);
    });
  };
  const answer = await withServer(
    {
      parts: {
        ram: { use: memory },
        recent: { use: cache, store: 'ram' },
        f: {
          use: scripted,
          keys: { id: 'int32' },
          features: Object.keys(features).length > 0 ? features : { unused: 'bool' },
          read,
        },
        model: {
          use: scriptedModel,
          signature: { inputs: setup.inputs, outputs: setup.outputs ?? one, over: setup.over ?? 'row' },
          predict: ((inputs, context) => {
            seen.push({
              inputs,
              rows: context.rows,
              offsets: context.offsets === undefined ? undefined : [...context.offsets],
            });
            return (setup.predict ?? ones)(inputs, context);
          }) satisfies PredictTensors,
        },
      },
      pipelines: {
        p: {
          objects: { fields: { id: 'int32' } },
          steps: [
            { fetch: 'f', onMissing: setup.onMissing ?? 'default' },
            { predict: 'model', ...setup.predictStep },
          ],
          response: {
            outputs: Object.fromEntries((setup.outputs ?? one).map(({ name }) => [name, `model.${name}`])),
          },
          ...setup.declaration,
        },
      },
    },
    (server) => server.predict('p', { request: request as never, objects: ids.map((id) => ({ id })) }),
  );
  return { answer, seen };
}
