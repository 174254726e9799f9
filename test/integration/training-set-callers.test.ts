import { expect } from 'chai';
import { join } from 'node:path';
import { asOf, buildTrainingSet, VivaceError, type PipelineDeclaration, type Server } from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { offlineStore } from 'vivace/plugins/offline-store';
import { callContext } from 'vivace/testing';
import { ordersFolder, spine } from '../support/orders-folder.js';
import { thrownBy, withServer } from '../support/scripted.js';

describe('What a caller of a training set throws', () => {
  const directory = ordersFolder();

  const within = (use: (server: Server) => Promise<unknown>): Promise<unknown> => {
    const pipelines: Record<string, PipelineDeclaration> = {
      p: {
        request: { moment: 'timestamp' },
        time: 'request.moment',
        steps: [],
        response: { outputs: { t: 'time' } },
      },
    };
    const parts = { lake: { use: duckdb }, history: { use: offlineStore, warehouse: 'lake' } };
    return withServer({ directory: directory(), parts, pipelines }, use);
  };
  const own = new VivaceError('INVALID_ARGUMENT', 'the third row has no label');
  const throwing = (): never => {
    throw own;
  };
  const run = { pipeline: 'p', spine };
  const file = (): string => join(directory(), 'set.parquet');

  for (const [where, work] of [
    [
      'while it takes blocks',
      (server: Server) =>
        asOf(
          server,
          run,
          async (blocks) => {
            for await (const _ of blocks) throwing();
          },
          callContext(),
        ),
    ],
    [
      'in rows that it saves to a file',
      (server: Server) =>
        asOf(
          server,
          run,
          async (blocks, { fields, store }) => {
            async function* batches(): AsyncGenerator<never> {
              for await (const _ of blocks) yield throwing();
            }
            await store.save({ fields, batches: batches() }, file(), callContext());
          },
          callContext(),
        ),
    ],
    [
      'in its report of progress, while rows are joined',
      (server: Server) =>
        buildTrainingSet(
          server,
          file(),
          { ...run, onProgress: ({ phase, rows }) => void (phase === 'joining' && rows > 0 && throwing()) },
          callContext(),
        ),
    ],
  ] as const) {
    it(`comes back as it is: ${where}`, async () => {
      expect(await thrownBy(within(work))).to.equal(own);
    });
  }
});
