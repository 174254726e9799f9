import {
  createServer,
  definePlugin,
  featureSource,
  httpServer,
  keyValueStore,
  type Definition,
  type PartDeclaration,
  type Server,
} from 'vivace';
import type { InjectableServer } from 'vivace/adapters/memory';
import { z } from 'zod';
import { countedStore, type Events } from './counted-parts.js';

/** Answers what the store in its slot holds. */
const told = definePlugin({
  provides: featureSource,
  name: 'told',
  options: z.strictObject({ prefix: z.string().default('') }),
  uses: { store: keyValueStore },
  describe: () => ({ keys: { key: 'string' }, features: { text: 'string' }, offline: 'pure' }),
  create: ({ prefix }, { store }) => ({
    async read(keys, out, context) {
      const found = await store.getMany(keys.column('key').values, context);
      found.forEach((bytes, row) => {
        out.column('text').set(row, prefix + Buffer.from(bytes!).toString());
      });
    },
  }),
});

/** How a server differs from the first one. */
export interface Change {
  readonly inherit?: Server;
  readonly hot?: Readonly<Record<string, unknown>>;
  readonly prefix?: string;
  readonly parts?: Readonly<Record<string, PartDeclaration>>;
}

/** What a suite of servers that inherit works with, anew for each test. */
export interface InheritingServers {
  /** What happened to parts of `store`. */
  readonly events: Events;
  /** The store that `hot` is. */
  readonly store: Definition;
  /** Servers to stop after the test. */
  readonly running: Server[];
  /** A server of the pipeline `tell`, which is stopped after the test. */
  readonly made: (change?: Change) => Promise<Server>;
  /** The same, started. */
  readonly started: (change?: Change) => Promise<Server>;
}

/** Declares that the tests of a `describe` make servers that inherit from one another. */
export function inheritingServers(): InheritingServers {
  let events: Events;
  let store: Definition;
  let running: Server[];
  beforeEach(() => {
    events = [];
    store = countedStore(events);
    running = [];
  });
  afterEach(async () => {
    await Promise.all(running.map((server) => server.stop()));
  });

  async function made({ inherit, hot = {}, prefix = '', parts = {} }: Change = {}): Promise<Server> {
    const server = await createServer({
      parts: {
        web: { use: 'memory' },
        api: { use: 'rest', server: 'web' },
        hot: { use: store, ...hot },
        told: { use: told, store: 'hot', prefix },
        ...parts,
      },
      // However slow the machine is.
      admission: { shedLagMs: 600_000 },
      pipelines: {
        tell: {
          deadlineMs: 600_000,
          request: { key: 'string' },
          steps: [{ fetch: 'told', key: { key: 'request.key' } }],
          response: { outputs: { text: 'told.text' } },
        },
      },
      ...(inherit === undefined ? {} : { inherit }),
    });
    running.push(server);
    return server;
  }

  return {
    get events() {
      return events;
    },
    get store() {
      return store;
    },
    get running() {
      return running;
    },
    made,
    started: async (change) => (await made(change)).start(),
  };
}

/** The HTTP server of a server. */
export const web = (server: Server): InjectableServer => server.part(httpServer, 'web') as InjectableServer;

/** The outputs of `tell`, or the status and text of a refusal. */
export const ask = async (at: InjectableServer): Promise<unknown> => {
  const answer = await at.inject({
    path: '/v1/pipelines/tell/predict',
    body: { request: { key: 'k' } },
  });
  const { outputs } = answer.json() as { outputs?: unknown };
  return outputs ?? [answer.status, answer.text];
};
