import { expect } from 'chai';
import { defineAdapter, type VivaceError, warehouse, type TemporaryTable, type Warehouse } from 'vivace';
import { callContext, type makePart, startPart } from 'vivace/testing';
import { z } from 'zod';
import { setImmediate as tick } from 'node:timers/promises';

describe('guard: what an operation opens', () => {
  class Table implements TemporaryTable {
    readonly name = 't';
    drops = 0;
    readonly #fault: Error | undefined;
    constructor(fault?: Error) {
      this.#fault = fault;
    }
    async [Symbol.asyncDispose](): Promise<void> {
      this.drops++;
      await tick();
      if (this.#fault !== undefined) throw this.#fault;
    }
  }
  const opening = async (
    keep: Warehouse['keep'],
    stop?: () => void,
  ): Promise<{ part: ReturnType<typeof makePart>; lake: Warehouse }> => {
    const unused = (): never => expect.fail('called');
    const definition = defineAdapter({
      provides: warehouse,
      name: 'probe',
      options: z.strictObject({}),
      create: () => ({
        dialect: {} as Warehouse['dialect'],
        describe: unused,
        source: unused,
        query: unused,
        load: unused,
        export: unused,
        keep,
        ...(stop === undefined ? {} : { stop }),
      }),
    });
    const part = await startPart(definition, {}, { name: 'lake' });
    return { part, lake: part.face(warehouse) };
  };
  const statement = { sql: 'SELECT 1' };

  it('keeps the call in flight until it has been disposed of', async () => {
    const events: string[] = [];
    const { part, lake } = await opening(
      async () => ({
        name: 't',
        [Symbol.asyncDispose]: async () => {
          await tick();
          events.push('disposed');
        },
      }),
      () => void events.push('stopped'),
    );
    const table = await lake.keep(statement, callContext());
    const stopping = part.stop(60_000);
    await tick();
    await tick();
    expect([table.name, events]).to.deep.equal(['t', []]);
    await table[Symbol.asyncDispose]();
    await stopping;
    expect(events).to.deep.equal(['disposed', 'stopped']);
  });

  it('disposes of it once, and counts it once', async () => {
    const table = new Table();
    const { part, lake } = await opening(() => Promise.resolve(table));
    const first = await lake.keep(statement, callContext());
    await using second = await lake.keep(statement, callContext());
    await Promise.all([first[Symbol.asyncDispose](), first[Symbol.asyncDispose]()]);
    await first[Symbol.asyncDispose]();
    expect(table.drops).to.equal(1);
    let stopped = false;
    const stopping = part.stop(60_000).then(() => (stopped = true));
    await tick();
    await tick();
    expect(stopped).to.equal(false);
    await second[Symbol.asyncDispose]();
    await stopping;
  });

  it('does not count a call that failed', async () => {
    const { part, lake } = await opening(() => Promise.reject(new Error('refused')));
    const failure = await lake.keep(statement, callContext()).catch((error: unknown) => error);
    expect((failure as VivaceError).message).to.equal('lake (probe): refused');
    await part.stop(2 ** 31 - 1);
  });

  it('wraps what its disposal throws', async () => {
    const { part, lake } = await opening(() => Promise.resolve(new Table(new Error('stuck'))));
    const table = await lake.keep(statement, callContext());
    const { code, message } = await table[Symbol.asyncDispose]().then(
      () => expect.fail('it should have failed'),
      (error: unknown) => error as VivaceError,
    );
    expect([code, message]).to.deep.equal(['INTERNAL', 'lake (probe): stuck']);
    await part.stop(2 ** 31 - 1);
  });

  it('stops without it after the grace period', async () => {
    const { part, lake } = await opening(() => Promise.resolve(new Table()));
    const table = await lake.keep(statement, callContext());
    await part.stop(1);
    expect(part.guarded.state).to.equal('stopped');
    await table[Symbol.asyncDispose]();
  });
});
