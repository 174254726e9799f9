import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PipelineDeclaration } from 'vivace';
import { parts, pipeline, spine, trainingSetFixture, views } from '../support/training-set-fixture.js';

describe('Training sets', () => {
  const { directory, within, rowsOf, build } = trainingSetFixture();

  it('read every view as of the time of the request, with policies, a key from a fetch, and the same transform', async () => {
    const rows = await within((server) => rowsOf(server, { spine }));
    const seen = rows.map((row) => [
      row['request.count'],
      row['price.euro'],
      row['price.owner'],
      row['owner.age'],
      row['double.twice'],
    ]);
    expect(seen).to.deep.equal([
      [5, -1, null, null, -2], // before any price
      [1, 1, 'x', 40, 2], // the price of the 3rd is known from the 5th only
      [2, 3, 'x', 40, 6],
      [3, -1, 'y', 50, -2], // a row without a value
      [4, -1, null, null, -2], // no such item
      [6, -1, null, null, -2], // too old
    ]);
    expect(rows.map((row) => Number(row['label.sold']))).to.deep.equal([50, 10, 20, 30, 40, 60]);
  });

  it('let models predict where that is asked for', async () => {
    const rows = await within((server) => rowsOf(server, { spine, predict: true }));
    expect(rows.map((row) => row['model.sum'])).to.deep.equal([-2, 2, 6, -2, -2, -2]);
  });

  it('are written with their manifest, the same every time', async () => {
    const [first, second] = [
      await within((server) => build(server)),
      await within((server) => build(server)),
    ];
    expect(second).to.deep.equal(first);
    expect(first.rows).to.equal(6);
    expect(first.columns.map(({ name, nulls }) => [name, nulls])).to.deep.equal([
      ['time', 0],
      ['request.moment', 0],
      ['request.count', 0],
      ['object.item', 0],
      ['price.euro', 0],
      ['price.owner', 3],
      ['owner.age', 3],
      ['double.twice', 0],
      ['label.sold', 0],
    ]);
    expect(first.cells).to.deep.equal({ computed: 18, missing: 6, failed: 0 });
    expect(readFileSync(join(directory(), 'set.csv'), 'utf8').split('\n')).to.have.length(8);
  });

  it('have an id that follows their definition and their data', async () => {
    const id = async (
      declared?: PipelineDeclaration,
      options: object = {},
      viewed: object = views,
      more: object = {},
    ): Promise<string> => (await within((server) => build(server, options), declared, more, viewed)).id;
    const base = await id();
    const steps = [...pipeline.steps];
    const policy = { ...pipeline, steps: steps.with(0, { fetch: 'price', onMissing: 'null' }) };
    const renamed = {
      ...pipeline,
      steps: steps.with(3, { predict: 'model', as: 'other', inputs: { x: ['double.twice'] } }),
      response: { outputs: { y: 'other.sum' } },
    };
    const aged = { ...views, price: { ...views.price, maxAgeMs: 1 } };
    const told = { ...views, price: { ...views.price, owner: 'someone', description: 'prices' } };
    expect(await id(renamed), 'a model is no part of its training set').to.equal(base);
    expect(await id(undefined, {}, told), 'nor are texts').to.equal(base);
    // The same rows, by another option.
    const labelled = (label: string): object => ({
      double: { ...parts.double, describes: { ...parts.double.describes, label } },
    });
    expect(await id(undefined, {}, views, labelled('a'))).to.equal(
      await id(undefined, {}, views, labelled('a')),
    );
    const scored = {
      ...pipeline,
      steps: [...steps, { transform: 'double', as: 'after', inputs: { value: 'model.sum' } }],
    };
    expect(await id(scored), 'nor is what comes after a model').to.equal(base);
    const others = [
      await id(undefined, {}, views, labelled('a')),
      await id(undefined, {}, views, labelled('b')),
      await id(undefined, { predict: true }),
      await id(policy),
      await id(undefined, { spine: { ...spine, to: '2001-01-06' } }),
      await id(undefined, {}, aged),
    ];
    expect(new Set([base, ...others]).size).to.equal(7);
  });
});
