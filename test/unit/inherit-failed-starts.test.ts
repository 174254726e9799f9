import { expect } from 'chai';
import {
  Call,
  columnOf,
  defineAdapter,
  definePlugin,
  httpServer,
  keyValueStore,
  parseType,
  transport,
} from 'vivace';
import { z } from 'zod';
import { failureOf } from '../support/failure.js';
import { ask, inheritingServers, web } from '../support/inheriting-servers.js';

describe('A server that inherits and does not start', () => {
  const fixture = inheritingServers();
  const { made, started } = fixture;

  it('leaves everything to the former server where it does not start', async () => {
    const first = await started();
    const wrong = await made({
      inherit: first,
      prefix: 'no ',
      parts: { bad: { use: fixture.store, label: 'bad', fails: true } },
    });
    expect(await failureOf(wrong.start())).to.include('cannot start');
    await wrong.stop();
    expect(await ask(web(first))).to.deep.equal({ text: 'a1' });
    const second = await started({ inherit: first, prefix: 'yes ' });
    await first.stop();
    expect(await ask(web(second))).to.deep.equal({ text: 'yes a1' });
    expect(fixture.events).to.deep.equal(['a1 starts', 'bad2 starts', 'bad2 stops']);
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

  it('starts again what it had stopped for a server that then failed to start', async () => {
    const first = await started({ hot: { alone: 'file' } });
    const door = web(first);
    const wrong = await made({ inherit: first, hot: { alone: 'file', label: 'b', fails: true } });
    const [failure, meanwhile] = await Promise.all([failureOf(wrong.start()), ask(door)]);
    expect(failure).to.include('cannot start');
    expect(meanwhile).to.have.property('text');
    expect(first.control.state).to.equal('ready');
    expect(await ask(door)).to.deep.equal({ text: 'a3' });
    expect(fixture.events).to.deep.equal(['a1 starts', 'a1 stops', 'b2 starts', 'b2 stops', 'a3 starts']);
    const second = await started({ inherit: first, hot: { alone: 'file', label: 'c' } });
    await first.stop();
    expect(await ask(door)).to.deep.equal({ text: 'c4' });
    await second.stop();
    expect(fixture.events.slice(5)).to.deep.equal(['a3 stops', 'c4 starts', 'c4 stops']);
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
});
