import { expect } from 'chai';
import {
  createServer,
  defineAdapter,
  defineStep,
  keyValueStore,
  logSink,
  type PartDeclaration,
  type Server,
} from 'vivace';
import { z } from 'zod';
import { countedStore } from '../support/counted-parts.js';
import { failureOf } from '../support/failure.js';
import { ask, inheritingServers, web } from '../support/inheriting-servers.js';

describe('A server that inherits', () => {
  const fixture = inheritingServers();
  const { made, started } = fixture;

  it('keeps what is the same, and stops each part once', async () => {
    const first = await started();
    const door = web(first);
    expect(await ask(door)).to.deep.equal({ text: 'a1' });
    const second = await started({ inherit: first, prefix: 'now ' });
    expect(await ask(door)).to.deep.equal({ text: 'now a1' });
    await first.stop();
    expect(await ask(door)).to.deep.equal({ text: 'now a1' });
    expect(fixture.events).to.deep.equal(['a1 starts']);
    await second.stop();
    expect(fixture.events).to.deep.equal(['a1 starts', 'a1 stops']);
  });

  it('makes a part anew whose options, definition or slots changed, with what uses it', async () => {
    const first = await started({ parts: { other: { use: fixture.store, label: 'o' } } });
    const second = await started({
      inherit: first,
      hot: { label: 'b' },
      parts: { other: { use: fixture.store, label: 'o' } },
    });
    expect(await ask(web(second))).to.deep.equal({ text: 'b3' });
    await first.stop();
    expect(fixture.events).to.have.members(['a1 starts', 'o2 starts', 'b3 starts', 'a1 stops']);
    const again = countedStore(fixture.events);
    const third = await started({
      inherit: second,
      parts: { hot: { use: again }, other: { use: fixture.store, label: 'o' } },
    });
    await second.stop();
    expect(fixture.events.slice(4)).to.deep.equal(['a1 starts', 'b3 stops']);
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
    expect(fixture.events).to.deep.equal(['a1 starts']);
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
    expect(fixture.events).to.deep.equal([
      'a1 starts',
      'a1 stops',
      'b2 starts',
      'b2 stops',
      'c3 starts',
      'c3 stops',
      'd4 starts',
    ]);
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
    expect(fixture.events).to.deep.equal(['a1 starts', 'a1 stops']);
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
      fixture.running.push(server);
      const begun = await server.start();
      expect((await begun.predict('scaled', { request: { value: 7 } })).outputs.value).to.equal(7 * by);
      return server;
    };
    await of(3, await of(2));
  });
});
