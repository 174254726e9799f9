import { expect } from 'chai';
import { checkViews, type Server } from 'vivace';
import { callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { at } from '../support/price-server.js';
import { emptyDirectory, keptPrice, keptServer } from '../support/pushed-log.js';

describe('checkViews of views whose rows are pushed', () => {
  let directory: Awaited<ReturnType<typeof emptyDirectory>>;
  beforeEach(async () => (directory = await emptyDirectory()));
  afterEach(() => directory.remove());
  const { source: _, ...unkept } = keptPrice;
  const load = (options: object = {}): Promise<Server> =>
    keptServer({ directory: directory.path, ...options });

  it('says of which no training set can be built, and of no other', async () => {
    const notes = await checkViews(() => load({ views: { unkept } }), {}, callContext());
    expect([...notes.keys()]).to.deep.equal(['unkept']);
    expect(notes.get('unkept')!.join()).to.match(
      /^its rows are pushed, and nothing keeps them: no training set can be built of it/,
    );
  });

  it('says so where no view has a source', async () => {
    const notes = await checkViews(() => load({ price: unkept }), {}, callContext());
    expect([...notes.keys()]).to.deep.equal(['price']);
  });

  it('reads the log, and finds values that the view does not hold any more', async () => {
    const server = await load();
    await server.start({ serve: false });
    try {
      const row = { sku: 'a', amount: 1, label: 'x', eventTime: at(0) };
      await server.features.push('price', [row]);
    } finally {
      await server.stop();
    }
    expect((await checkViews(load, {}, callContext())).size).to.equal(0);
    const features = { label: { type: 'int64' } };
    expect(
      await failureOf(
        checkViews(() => load({ price: { ...keptPrice, features }, pipelines: {} }), {}, callContext()),
      ),
    ).to.match(/"label" was pushed as a string .*is an int64 now/);
  });
});
