import { expect } from 'chai';
import { createServer, keyValueStore, onlyPart, trainingParts, warehouse, type Server } from 'vivace';
import { failureOf } from '../support/failure.js';

const serverOf = (...names: string[]): Promise<Server> =>
  createServer({ parts: Object.fromEntries(names.map((name) => [name, { use: 'memory' }])), pipelines: {} });

describe('onlyPart', () => {
  it('gives the only part that provides the port', async () => {
    expect(onlyPart(await serverOf('hot'), keyValueStore)).to.equal('hot');
  });

  it('gives the part that was named', async () => {
    expect(onlyPart(await serverOf('hot', 'warm'), keyValueStore, { wanted: 'warm' })).to.equal('warm');
  });

  const failure = async (server: Server, ...more: unknown[]): Promise<string> =>
    failureOf((async () => onlyPart(server, ...(more as [typeof keyValueStore])))());

  it('proposes the part that was meant', async () => {
    expect(await failure(await serverOf('hot', 'warm'), keyValueStore, { wanted: 'worm' })).to.equal(
      'NOT_FOUND there is no key-value-store part "worm"; did you mean "warm"?',
    );
  });

  it('says that no part provides the port, also where one was named', async () => {
    const expected = 'NOT_FOUND this needs a part that provides warehouse, but the configuration has none';
    expect(await failure(await serverOf('hot'), warehouse)).to.equal(expected);
    expect(await failure(await serverOf('hot'), warehouse, { wanted: 'lake' })).to.equal(expected);
  });

  it('lists the parts to choose from, and how to name one', async () => {
    const expected = 'INVALID_ARGUMENT several parts provide key-value-store: name one of hot, warm';
    expect(await failure(await serverOf('hot', 'warm'), keyValueStore)).to.equal(expected);
    expect(await failure(await serverOf('hot', 'warm'), keyValueStore, { say: '--store' })).to.equal(
      `${expected} with --store`,
    );
  });

  it('chooses the offline store of a training set', async () => {
    const server = await serverOf('hot');
    expect(await failureOf((async () => trainingParts(server, { pipeline: 'p' }))())).to.equal(
      'NOT_FOUND this needs a part that provides offline-store, but the configuration has none',
    );
  });
});
