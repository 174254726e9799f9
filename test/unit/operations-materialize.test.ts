import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createServer,
  defineAdapter,
  definePlugin,
  estimateViews,
  keyValueStore,
  materializeViews,
  offlineStore,
  withServer,
  type CallContext,
  type Server,
  type ServerSpecification,
  type Views,
  type ViewProgress,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { z } from 'zod';
import { failureOf } from '../support/failure.js';

const parts: ServerSpecification['parts'] = {
  hot: { use: 'memory' },
  lake: { use: 'duckdb' },
  online: { use: 'online-store', store: 'hot' },
  history: { use: 'offline-store', warehouse: 'lake', online: 'online' },
};
const entity = { shop: 'string' } as const;
const source = { table: 'sales.csv', eventTime: 'at' };
const views: Views = {
  amounts: { store: 'online', entity, source, features: { amount: { type: 'float64' } } },
  pushed: { store: 'online', entity, features: { open: { type: 'bool' } } },
  names: { store: 'online', entity, source, features: { name: { type: 'string' } } },
};
const untilMs = Date.parse('2001-06-15T00:00:00Z');

/** An offline store that is billed by the byte; its start is for the test to script. */
const billed = definePlugin({
  provides: offlineStore,
  name: 'billed',
  options: z.strictObject({
    start: z.custom<(context: CallContext) => Promise<void>>().optional(),
    fails: z.string().optional(),
  }),
  create: ({ start, fails }) => {
    const none = (): never => {
      throw new Error('not here');
    };
    return {
      start: (context: CallContext) => start?.(context),
      checkView: async () => ({ mistakes: [], notes: [] }),
      checkSpine: none,
      openAsOf: none,
      spine: none,
      save: none,
      materialize: () => {
        throw new Error(fails);
      },
      estimate: async ({ name }) => ({ bytes: name.length }),
    };
  },
});

describe('Operations: materialize', () => {
  /** All lines of the source. */
  const read = { rows: 3, compared: 0 };
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-materialize-'));
    writeFileSync(
      join(directory, 'sales.csv'),
      'shop,at,amount,name\nn,2001-06-14 10:00:00,1,North\nn,2001-06-16 00:00:00,3,Nord\ns,2001-06-10 00:00:00,9,South\n',
    );
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const within = async <T>(
    work: (server: Server) => Promise<T>,
    given: Partial<ServerSpecification> = {},
  ): Promise<T> => withServer(await createServer({ parts, views, pipelines: {}, directory, ...given }), work);
  const copy = (server: Server, options: Partial<Parameters<typeof materializeViews>[1]> = {}) =>
    materializeViews(server, { untilMs, ...options }, callContext());

  it('copies every view that has a source, and says what it copied', async () => {
    expect(await within((server) => copy(server))).to.deep.equal([
      { view: 'amounts', rows: 2, written: 2, total: 2, untilMs, read },
      { view: 'names', rows: 2, written: 2, total: 2, untilMs, read },
    ]);
  });

  it('copies the named views in their order, each once', async () => {
    const copied = await within((server) => copy(server, { views: ['names', 'amounts', 'names'] }));
    expect(copied.map(({ view }) => view)).to.deep.equal(['names', 'amounts']);
  });

  it('tells when a view begins, how far it is, and when it is done', async () => {
    const seen: ViewProgress[] = [];
    await within((server) => copy(server, { views: ['amounts'], onProgress: (step) => seen.push(step) }));
    expect(seen[0]).to.deep.equal({ view: 'amounts', phase: 'begun', rows: 0, written: 0 });
    expect(seen.slice(1, -1).map(({ phase }) => phase)).to.include('copying');
    expect(seen.at(-1)).to.deep.equal({
      view: 'amounts',
      phase: 'done',
      rows: 2,
      written: 2,
      total: 2,
      read,
    });
  });

  it('goes past the breaker of the store, so that no row is refused', async () => {
    const bypassed: unknown[] = [];
    const noting = defineAdapter({
      provides: keyValueStore,
      name: 'noting',
      options: z.strictObject({}),
      create: () => ({
        supports: { maxBatch: 100 },
        getMany: (keys) => keys.map(() => undefined),
        putNewest: (entries, { bypassBreaker }) => {
          bypassed.push(bypassBreaker);
          return entries.map(() => true);
        },
      }),
    });
    await within((server) => copy(server, { views: ['amounts'] }), {
      parts: { ...parts, hot: { use: noting } },
    });
    expect(new Set(bypassed)).to.deep.equal(new Set([true]));
  });

  it('starts the offline store and what it uses, and nothing else', async () => {
    await within(
      async (server) => {
        await copy(server);
        const states = server.control.parts().map(({ name, state }) => [name, state]);
        expect(Object.fromEntries(states)).to.deep.include({
          history: 'ready',
          hot: 'ready',
          web: 'created',
        });
      },
      { parts: { ...parts, web: { use: 'memory' } } },
    );
  });

  it('uses a server that has started as it is', async () => {
    await within(async (server) => {
      await server.start();
      expect(await copy(server, { views: ['amounts'] })).to.have.length(1);
      expect(server.control.state).to.equal('ready');
    });
  });

  it('refuses a view that does not exist, and names those that do', async () => {
    expect(await within((server) => failureOf(copy(server, { views: ['shops'] })))).to.equal(
      'NOT_FOUND there is no view "shops"; there are amounts, pushed, names',
    );
  });

  for (const [what, work] of [
    ['copies', materializeViews],
    ['estimates', estimateViews],
  ] as const)
    it(`refuses an end in the future, before it ${what} anything, and says what to give`, async () => {
      const future = Math.ceil(Date.now() / 3_600_000 + 1) * 3_600_000;
      const failure = await within(async (server) => {
        const failed = await failureOf(work(server, { untilMs: future }, callContext()));
        expect(server.control.state).to.equal('created');
        return failed;
      });
      expect(failure).to.equal(
        `INVALID_ARGUMENT untilMs: ${new Date(future).toISOString().replace('.000', '')} is in the future, for which rows are missing yet: give a time that has passed, or none`,
      );
    });

  it('refuses a view whose rows are pushed', async () => {
    expect(await within((server) => failureOf(copy(server, { views: ['pushed'] })))).to.equal(
      'INVALID_ARGUMENT views: "pushed" has no source: its rows are pushed, and nothing keeps them; `source: { push: true, log: … }` would',
    );
  });

  it('refuses where no view has a source', async () => {
    const failure = await within((server) => failureOf(copy(server)), {
      views: { pushed: views['pushed']! },
    });
    expect(failure).to.equal('INVALID_ARGUMENT views: no view has a source');
  });

  it('refuses an offline store that does not exist', async () => {
    expect(await within((server) => failureOf(copy(server, { store: 'past' })))).to.equal(
      'NOT_FOUND there is no offline-store part "past"; there are history',
    );
  });

  it('compares every view with its source before it copies the first', async () => {
    const seen: string[] = [];
    const gone = { ...views['amounts']!, source: { ...source, table: 'gone.csv' } };
    const misspelt = { ...views['amounts']!, features: { amuont: { type: 'float64' } } } as const;
    const failure = await within(
      (server) => failureOf(copy(server, { onProgress: ({ view, phase }) => seen.push(`${view} ${phase}`) })),
      { views: { names: views['names']!, gone, misspelt } },
    );
    expect(failure.split('\n')).to.deep.equal([
      'INVALID_CONFIG views.gone.source.table: lake: there is no file gone.csv',
      'views.misspelt.features.amuont: sales.csv has no column "amuont"; did you mean "amount"?',
    ]);
    expect(seen).to.deep.equal([]);
  });

  it('stops at the view that fails', async () => {
    const seen: string[] = [];
    const failing = (server: Server) =>
      failureOf(copy(server, { onProgress: ({ view, phase }) => seen.push(`${view} ${phase}`) }));
    const failure = await within(failing, {
      parts: { ...parts, history: { use: billed, fails: 'no room' } },
    });
    expect(failure).to.match(/no room/);
    expect(seen).to.deep.equal(['amounts begun']);
  });

  it('starts nothing for a caller that has given up', async () => {
    await within(async (server) => {
      const context = { signal: AbortSignal.abort() };
      expect(await failureOf(materializeViews(server, { untilMs }, context))).to.match(/^CANCELLED /);
      expect(server.control.state).to.equal('created');
    });
  });

  it('gives a start up where the caller does', async () => {
    const controller = new AbortController();
    const start = ({ signal }: CallContext): Promise<void> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        setImmediate(() => controller.abort());
      });
    const failure = await within(
      (server) => failureOf(materializeViews(server, { untilMs }, { signal: controller.signal })),
      { parts: { ...parts, history: { use: billed, start } } },
    );
    expect(failure).to.equal('CANCELLED the caller gave up');
  });

  describe('estimates', () => {
    it('gives the bytes of each view', async () => {
      const estimates = await within(
        (server) => estimateViews(server, { untilMs, store: 'billing' }, callContext()),
        { parts: { ...parts, billing: { use: billed } } },
      );
      expect(estimates).to.deep.equal([
        { view: 'amounts', bytes: 7 },
        { view: 'names', bytes: 5 },
      ]);
    });

    it('gives none where the warehouse bills nothing by the byte', async () => {
      const options = { untilMs, views: ['names'] };
      expect(await within((server) => estimateViews(server, options, callContext()))).to.deep.equal([
        { view: 'names', bytes: undefined },
      ]);
    });

    it('refuses a view that does not exist', async () => {
      const options = { untilMs, views: ['amount'] };
      expect(await within((server) => failureOf(estimateViews(server, options, callContext())))).to.equal(
        'NOT_FOUND there is no view "amount"; did you mean "amounts"?',
      );
    });
  });
});

describe('withServer', () => {
  it('stops the server where the work fails', async () => {
    const server = await createServer({ parts: { hot: { use: 'memory' } }, pipelines: {} });
    const failure = await failureOf(
      withServer(server, async () => {
        await server.start();
        throw new Error('no');
      }),
    );
    expect([failure, server.control.state]).to.deep.equal(['Error: no', 'stopped']);
  });
});
