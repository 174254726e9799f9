import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineStep, type CallContext, type PipelineDeclaration, type Server } from 'vivace';
import { table } from '../support/parts.js';
import { scripted, thrownBy, type ReadRows } from '../support/scripted.js';
import { pipeline, spine, trainingSetFixture } from '../support/training-set-fixture.js';

describe('Training sets are refused', () => {
  const { directory, within, rowsOf, build } = trainingSetFixture();

  const wrong = (
    run: (server: Server) => Promise<unknown>,
    declared?: PipelineDeclaration,
    more?: object,
  ): Promise<Error & { code?: string; path?: string }> => thrownBy(within(run, declared, more));
  const withStep = (step: object, output = 'request.count'): PipelineDeclaration => ({
    ...pipeline,
    steps: [step as never],
    response: { outputs: { y: output } },
  });

  it('where a source answers online only', async () => {
    const live = { use: scripted, features: { v: 'float64' }, offline: 'log-only' };
    const error = await wrong(
      (server) => build(server),
      withStep({ fetch: 'live', key: { id: 'object.item' } }),
      { live },
    );
    expect([error.code, error.message]).to.deep.equal([
      'FAILED_PRECONDITION',
      'the source of "live" answers online only: its history is only in the logs of served requests, which a spine reads with `served`',
    ]);
  });

  it('where a source says that it is joined but is no view: it would answer with what it holds now', async () => {
    const now = { use: scripted, features: { v: 'float64' }, offline: 'as-of' };
    const error = await wrong(
      (server) => build(server),
      withStep({ fetch: 'now', key: { id: 'object.item' } }),
      { now },
    );
    expect(error.code).to.equal('FAILED_PRECONDITION');
  });

  it('where a step refuses; one that is skipped is null', async () => {
    const step = (offline: 'refuse' | 'skip') =>
      defineStep({
        name: 'own',
        reads: { count: 'int32' },
        writes: { v: 'float64' },
        offline,
        create: () => ({ run: () => undefined }),
      });
    const error = await wrong(
      (server) => build(server),
      withStep({ step: step('refuse'), inputs: { count: 'request.count' } }),
    );
    expect(error.message).to.contain('step "own" refuses');
    const rows = await within(
      (server) => rowsOf(server, { spine }),
      withStep({ step: step('skip'), inputs: { count: 'request.count' } }),
    );
    expect(rows[0]!['own.v']).to.equal(null);
  });

  it('what its steps ask of a store is asked though the store has been failing', async () => {
    const calls: CallContext[] = [];
    const noting = defineStep({
      name: 'noting',
      reads: { count: 'int32' },
      writes: { v: 'float64' },
      offline: 'same',
      create: () => ({ run: (_input, _out, call) => void calls.push(call) }),
    });
    await within(
      (server) => rowsOf(server, { spine }),
      withStep({ step: noting, inputs: { count: 'request.count' } }),
    );
    expect(calls.map(({ bypassBreaker }) => bypassBreaker)).to.deep.equal([true]);
  });

  it('a pure source gets each key once, whenever it is asked for', async () => {
    const repeats = join(directory(), 'repeats.csv');
    writeFileSync(
      repeats,
      [
        'item,moment,count,sold',
        ...['a', 'a', 'b', 'a'].map((item, i) => `${item},2001-01-0${i + 2} 00:00:00,1,1`),
      ].join('\n'),
    );
    const calls: string[][] = [];
    const pure = {
      use: scripted,
      features: { place: 'int32' },
      // It looks its keys up in a map, as a source may: with a key twice, the second would win.
      read: ((keys, out) => {
        const ids = keys.column('id').values as string[];
        calls.push([...ids]);
        const places = new Map(ids.map((id, row) => [id, row]));
        ids.forEach((id) => out.column('place').set(places.get(id)!, id.charCodeAt(0)));
      }) satisfies ReadRows,
    };
    const rows = await within(
      (server) => rowsOf(server, { spine: { ...spine, table: 'repeats.csv' } }),
      withStep({ fetch: 'pure', key: { id: 'object.item' } }),
      { pure },
    );
    expect(calls).to.deep.equal([['a', 'b']]);
    expect(rows.map((row) => row['pure.place'])).to.deep.equal([97, 97, 98, 97]);
  });

  it('where a row of the spine lacks a value that a request must have', async () => {
    const gaps = { ...spine, table: 'gaps.csv' };
    const plain = withStep({ fetch: 'pure', key: { id: 'object.item' } });
    const pure = { use: table, rows: { a: [1] } };
    expect((await wrong((server) => rowsOf(server, { spine: gaps }), plain, { pure })).path).to.equal(
      'spine.object.item',
    );
    const optional = {
      ...plain,
      objects: { fields: { item: { type: 'string', optional: true } } },
    } as const;
    const rows = await within((server) => rowsOf(server, { spine: gaps }), optional, { pure });
    expect(rows.map((row) => row['object.item'])).to.deep.equal([null]);
  });

  it('where a number of the spine does not fit its field', async () => {
    const error = await wrong((server) => build(server, { spine: { ...spine, table: 'large.csv' } }));
    expect([error.code, error.path]).to.deep.equal(['INVALID_CONFIG', 'spine.request.count']);
    expect(error.message).to.contain('4294967296');
  });

  it('where the spine does not fit the pipeline, with every mistake', async () => {
    const error = await wrong((server) =>
      build(server, {
        spine: {
          table: 'orders.csv',
          query: 'x',
          time: 'moment',
          objects: { itme: 'item' },
          from: '2001-02-30',
          lables: {},
        },
      }),
    );
    expect(error.code).to.equal('INVALID_CONFIG');
    expect(error.message)
      .to.contain('spine.from: "2001-02-30" is not a time: there is no such day')
      .and.to.contain('did you mean "labels"?');
  });

  it('where the spine ends before it begins', async () => {
    const spine = { table: 'orders.csv', time: 'moment', from: '2001-02-03', to: '2001-02-03' };
    expect((await wrong((server) => build(server, { spine }))).message).to.match(
      /spine\.to: .*is not after `from`, so there would be no rows/,
    );
  });

  it('where there is no such pipeline or store', async () => {
    expect((await wrong((server) => build(server, { pipeline: 'q' }))).code).to.equal('NOT_FOUND');
    expect((await wrong((server) => build(server, { store: 'histroy' }))).message).to.contain(
      'did you mean "history"?',
    );
  });
});
