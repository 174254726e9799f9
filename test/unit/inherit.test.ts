import { expect } from 'chai';
import {
  Call,
  columnOf,
  createServer,
  definePlugin,
  defineStep,
  featureSource,
  httpServer,
  keyValueStore,
  logSink,
  parseType,
  defineAdapter,
  transport,
  type PartDeclaration,
  type Server,
} from 'vivace';
import type { InjectableServer } from 'vivace/adapters/memory';
import { z } from 'zod';
import { countedStore, type Events } from '../support/counted-parts.js';
import { failureOf } from '../support/failure.js';

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

describe('A server that inherits', () => {
  let events: Events;
  let store: ReturnType<typeof countedStore>;
  let running: Server[];
  beforeEach(() => {
    events = [];
    store = countedStore(events);
    running = [];
  });
  afterEach(async () => {
    await Promise.all(running.map((server) => server.stop()));
  });

  interface Change {
    readonly inherit?: Server;
    readonly hot?: Readonly<Record<string, unknown>>;
    readonly prefix?: string;
    readonly output?: string;
    readonly parts?: Readonly<Record<string, PartDeclaration>>;
  }

  async function made({
    inherit,
    hot = {},
    prefix = '',
    output = 'text',
    parts = {},
  }: Change = {}): Promise<Server> {
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
          response: { outputs: { [output]: 'told.text' } },
        },
      },
      ...(inherit === undefined ? {} : { inherit }),
    });
    running.push(server);
    return server;
  }

  const started = async (change?: Change): Promise<Server> => (await made(change)).start();
  const web = (server: Server): InjectableServer => server.part(httpServer, 'web') as InjectableServer;
  const ask = async (at: InjectableServer): Promise<unknown> => {
    const answer = await at.inject({
      path: '/v1/pipelines/tell/predict',
      body: { request: { key: 'k' } },
    });
    const { outputs } = answer.json() as { outputs?: unknown };
    return outputs ?? [answer.status, answer.text];
  };

  it('keeps what is the same, and stops each part once', async () => {
    const first = await started();
    const door = web(first);
    expect(await ask(door)).to.deep.equal({ text: 'a1' });
    const second = await started({ inherit: first, prefix: 'now ' });
    expect(await ask(door)).to.deep.equal({ text: 'now a1' });
    await first.stop();
    expect(await ask(door)).to.deep.equal({ text: 'now a1' });
    expect(events).to.deep.equal(['a1 starts']);
    await second.stop();
    expect(events).to.deep.equal(['a1 starts', 'a1 stops']);
  });

  it('makes a part anew whose options, definition or slots changed, with what uses it', async () => {
    const first = await started({ parts: { other: { use: store, label: 'o' } } });
    const second = await started({
      inherit: first,
      hot: { label: 'b' },
      parts: { other: { use: store, label: 'o' } },
    });
    expect(await ask(web(second))).to.deep.equal({ text: 'b3' });
    await first.stop();
    expect(events).to.have.members(['a1 starts', 'o2 starts', 'b3 starts', 'a1 stops']);
    const again = countedStore(events);
    const third = await started({
      inherit: second,
      parts: { hot: { use: again }, other: { use: store, label: 'o' } },
    });
    await second.stop();
    expect(events.slice(4)).to.deep.equal(['a1 starts', 'b3 stops']);
    expect(await ask(web(third))).to.deep.equal({ text: 'a1' });
  });

  it('goes through many servers without stopping what they share', async () => {
    let server = await started();
    const door = web(server);
    for (let i = 0; i < 20; i++) {
      const next = await started({ inherit: server, prefix: `${i} ` });
      await server.stop();
      server = next;
      expect(await ask(door)).to.deep.equal({ text: `${i} a1` });
    }
    expect(events).to.deep.equal(['a1 starts']);
  });

  it('answers on HTTP servers that leave one after another, until each has stopped', async () => {
    const limited = (bodyLimitBytes: number): Record<string, PartDeclaration> => ({
      web: { use: 'memory', bodyLimitBytes },
    });
    const first = await started({ parts: limited(1000) });
    const second = await started({ inherit: first, prefix: '2 ', parts: limited(2000) });
    const third = await started({ inherit: second, prefix: '3 ', parts: limited(3000) });
    await second.stop();
    expect(await ask(web(first))).to.deep.equal({ text: '3 a1' });
    await first.stop();
    const fourth = await started({ inherit: third, prefix: '4 ', parts: limited(4000) });
    expect(await ask(web(third))).to.deep.equal({ text: '4 a1' });
    expect(await ask(web(fourth))).to.deep.equal({ text: '4 a1' });
  });

  it('leaves everything to the former server where it does not start', async () => {
    const first = await started();
    const wrong = await made({
      inherit: first,
      prefix: 'no ',
      parts: { bad: { use: store, label: 'bad', fails: true } },
    });
    expect(await failureOf(wrong.start())).to.include('cannot start');
    await wrong.stop();
    expect(await ask(web(first))).to.deep.equal({ text: 'a1' });
    const second = await started({ inherit: first, prefix: 'yes ' });
    await first.stop();
    expect(await ask(web(second))).to.deep.equal({ text: 'yes a1' });
    expect(events).to.deep.equal(['a1 starts', 'bad2 starts', 'bad2 stops']);
  });

  it('leaves everything to the former server where a transport does not serve', async () => {
    const broken = definePlugin({
      provides: transport,
      name: 'broken',
      options: z.strictObject({}),
      uses: { server: httpServer },
      create: (_, { server }) => ({
        serve() {
          server.mount(() => ({ handle: () => ({ status: 200, headers: {}, body: 'broken' }) }));
          throw new Error('cannot serve');
        },
      }),
    });
    const first = await started();
    const wrong = await made({
      inherit: first,
      prefix: 'no ',
      parts: { broken: { use: broken, server: 'web' } },
    });
    expect(await failureOf(wrong.start())).to.include('cannot serve');
    expect(await ask(web(first))).to.deep.equal({ text: 'a1' });
  });

  it('swaps a part that stands alone while requests wait, and none fails', async () => {
    let server = await started({ hot: { alone: 'file' } });
    const door = web(server);
    const answers: Promise<unknown>[] = [];
    const enough = new AbortController();
    const asked = enough.signal;
    let open = 0;
    const asks = (async () => {
      while (!asked.aborted) {
        // No more at once than a server takes.
        if (open < 100) {
          open++;
          answers.push(ask(door).finally(() => open--));
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (const [text, label] of [
      ['b2', 'b'],
      ['c3', 'c'],
      ['d4', 'd'],
    ] as const) {
      const next = await started({ inherit: server, hot: { alone: 'file', label } });
      expect(await ask(door)).to.deep.equal({ text });
      await server.stop();
      server = next;
    }
    enough.abort();
    await asks;
    const texts = new Set((await Promise.all(answers)).map((answer) => JSON.stringify(answer)));
    expect([...texts]).to.have.members(['a1', 'b2', 'c3', 'd4'].map((text) => JSON.stringify({ text })));
    expect(events).to.deep.equal([
      'a1 starts',
      'a1 stops',
      'b2 starts',
      'b2 stops',
      'c3 starts',
      'c3 stops',
      'd4 starts',
    ]);
  });

  it('starts again what it had stopped for a server that then failed to start', async () => {
    const first = await started({ hot: { alone: 'file' } });
    const door = web(first);
    const wrong = await made({ inherit: first, hot: { alone: 'file', label: 'b', fails: true } });
    const [failure, meanwhile] = await Promise.all([failureOf(wrong.start()), ask(door)]);
    expect(failure).to.include('cannot start');
    expect(meanwhile).to.have.property('text');
    expect(first.control.state).to.equal('ready');
    expect(await ask(door)).to.deep.equal({ text: 'a3' });
    expect(events).to.deep.equal(['a1 starts', 'a1 stops', 'b2 starts', 'b2 stops', 'a3 starts']);
    const second = await started({ inherit: first, hot: { alone: 'file', label: 'c' } });
    await first.stop();
    expect(await ask(door)).to.deep.equal({ text: 'c4' });
    await second.stop();
    expect(events.slice(5)).to.deep.equal(['a3 stops', 'c4 starts', 'c4 stops']);
  });

  it('refuses what waited for a server that did not start, where the former one was stopped meanwhile', async () => {
    let starts = 0;
    let arrived: () => void = () => undefined;
    let go: () => void = () => undefined;
    const inside = new Promise<void>((resolve) => (arrived = resolve));
    const gate = new Promise<void>((resolve) => (go = resolve));
    const slow = defineAdapter({
      provides: keyValueStore,
      name: 'slow',
      options: z.strictObject({ label: z.string() }),
      create: () => ({
        supports: { maxBatch: 10, exclusive: 'other' },
        async start() {
          if (++starts === 1) return;
          arrived();
          await gate;
        },
        getMany: (keys) => Promise.resolve(keys.map(() => undefined)),
        putNewest: (entries) => Promise.resolve(entries.map(() => true)),
      }),
    });
    const first = await started({ parts: { other: { use: slow, label: 'a' } } });
    const door = web(first);
    const second = await made({ inherit: first, parts: { other: { use: slow, label: 'b' } } });
    const starting = failureOf(second.start());
    await inside;
    const called = failureOf(
      first.data.pipelines.predict(
        'tell',
        { request: [columnOf(parseType('string'), ['k'])] },
        new Call({ requestId: 'r', signal: new AbortController().signal }),
      ),
    );
    const asked = ask(door);
    // A call that waits ends at its deadline all the same.
    const late = await door.inject({
      path: '/v1/pipelines/tell/predict',
      headers: { 'x-deadline-ms': '20' },
      body: { request: { key: 'k' } },
    });
    expect([late.status, (late.json() as { code: string }).code]).to.deep.equal([504, 'DEADLINE_EXCEEDED']);
    const hurried = first.data.pipelines.predict(
      'tell',
      { request: [columnOf(parseType('string'), ['k'])] },
      new Call({ requestId: 'r', signal: new AbortController().signal, deadline: performance.now() + 20 }),
    );
    expect(await failureOf(hurried)).to.match(/^DEADLINE_EXCEEDED/);
    const stopping = first.stop();
    go();
    expect(await starting).to.match(/the server to take over from is (?:draining|stopped)/);
    expect(await called).to.match(/^UNAVAILABLE|the server is/);
    expect(await asked).to.have.property('0', 503);
    await stopping;
  });

  it('answers what has begun with the server on which it began', async () => {
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    let begun: () => void = () => undefined;
    const begins = new Promise<void>((resolve) => (begun = resolve));
    const slow = defineAdapter({
      provides: keyValueStore,
      name: 'slow',
      options: z.strictObject({ label: z.string() }),
      create: ({ label }) => ({
        supports: { maxBatch: 1 },
        async getMany() {
          if (label === 'slow') {
            begun();
            await gate;
          }
          return [Buffer.from(label)];
        },
        putNewest: () => Promise.resolve([true]),
      }),
    });
    const first = await started({ parts: { hot: { use: slow, label: 'slow' } } });
    const door = web(first);
    const early = ask(door);
    await begins;
    await started({ inherit: first, parts: { hot: { use: slow, label: 'fast' } } });
    const stopped = first.stop();
    expect(await ask(door)).to.deep.equal({ text: 'fast' });
    go();
    expect(await early).to.deep.equal({ text: 'slow' });
    await stopped;
  });

  it('lets a kept part log where the new server logs', async () => {
    const lines: string[] = [];
    const sink = defineAdapter({
      provides: logSink,
      name: 'sink',
      options: z.strictObject({ label: z.string() }),
      create: ({ label }) => ({
        write: ({ part, message }) => void (part === 'talking' && lines.push(`${label}: ${message}`)),
      }),
    });
    const talking = defineAdapter({
      provides: keyValueStore,
      name: 'talking',
      options: z.strictObject({}),
      create: (_options, _uses, { log }) => ({
        supports: { maxBatch: 1 },
        getMany(keys) {
          log.info('asked');
          return keys.map(() => undefined);
        },
        putNewest: () => [],
      }),
    });
    const first = await started({ parts: { log: { use: sink, label: 'one' }, talking: { use: talking } } });
    const second = await started({
      inherit: first,
      parts: { log: { use: sink, label: 'two' }, talking: { use: talking } },
    });
    await first.stop();
    await second.part(keyValueStore, 'talking').getMany(['k'], { signal: new AbortController().signal });
    expect(lines).to.deep.equal(['two: asked']);
  });

  it('takes over from a server that serves, and from no other', async () => {
    const first = await made();
    expect(await failureOf(made({ inherit: first }))).to.match(/inherit: not a server that has started/);
    await first.start();
    const second = await made({ inherit: first });
    await first.stop();
    expect(await failureOf(second.start())).to.include('is stopped');
    expect(events).to.deep.equal(['a1 starts', 'a1 stops']);
  });

  it('runs steps in the new server as it declares them', async () => {
    const twice = (by: number) =>
      defineStep({
        name: 'times',
        reads: { value: 'float64' },
        writes: { value: 'float64' },
        offline: 'same',
        create: () => ({
          run(input, out) {
            out.column('value').values = input.column('value').values.map((value) => value * by);
          },
        }),
      });
    const of = async (by: number, inherit?: Server): Promise<Server> => {
      const server = await createServer({
        parts: {},
        pipelines: {
          scaled: {
            request: { value: 'float64' },
            steps: [{ step: twice(by), inputs: { value: 'request.value' } }],
            response: { outputs: { value: 'times.value' } },
          },
        },
        ...(inherit === undefined ? {} : { inherit }),
      });
      running.push(server);
      const begun = await server.start();
      expect((await begun.predict('scaled', { request: { value: 7 } })).outputs.value).to.equal(7 * by);
      return server;
    };
    await of(3, await of(2));
  });
});
