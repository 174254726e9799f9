import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import type { RowBatch } from '../ports/warehouse.js';
import { ahead } from './ahead.js';
import { asOf, type TrainingSetOptions } from './as-of.js';
import type { AsOfPhase } from './as-of-run.js';
import { TrainingCounts } from './training-counts.js';
import { manifestOf, type TrainingSetManifest } from './training-manifest.js';
import { rowsOf, trainingColumns } from './training-rows.js';

/**
 * Builds a training set and writes it to a file: `time`, the fields of requests and objects, every feature, and the labels.
 *
 * @param path `.parquet` or `.csv`.
 */
export async function buildTrainingSet(
  server: Server,
  path: string,
  options: TrainingSetOptions,
  context: CallContext,
): Promise<TrainingSetManifest> {
  return asOf(
    server,
    options,
    async (blocks, { plan, spine, fields, store }) => {
      const labels = spine.labels.map((name) => fields.find((field) => field.name === name)!);
      const columns = trainingColumns(plan, { ...options, labels });
      const counts = new TrainingCounts(columns);
      const tell = (phase: AsOfPhase): void => {
        const { rows, failed } = counts;
        options.onProgress?.({ phase, rows, ...(options.allowFailed === true ? { failed } : {}) });
      };
      async function* batches(): AsyncGenerator<RowBatch> {
        for await (const block of ahead(blocks)) {
          const batch = rowsOf(block, { plan, ...columns });
          counts.add(block, batch);
          tell('joining');
          yield batch;
        }
        tell('writing the file');
      }
      await store.save({ fields: columns.fields, batches: batches() }, path, context);
      return manifestOf({ plan, options, columns, counts, isServed: spine.served !== undefined });
    },
    context,
  );
}
