import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { isVivaceError } from '../../kernel/errors.js';
import { callContext as context } from '../start-part.js';
import type { WarehouseFixture } from './fixture.js';
import { readAll, table } from './tables.js';

/** Tables that are kept until their user disposes of them. */
export function keptTables({ runner, part, lake, answer }: WarehouseFixture): void {
  const { it } = runner;

  it('keeps the answer of a query as a table until it is disposed of, once or twice', async () => {
    const kept = await lake().keep({ sql: 'SELECT 7 AS x' }, context());
    assert.equal(Number((await answer(`SELECT x + 1 AS y FROM ${kept.name}`))[0]![0]), 8);
    await Promise.all([kept[Symbol.asyncDispose](), kept[Symbol.asyncDispose]()]);
    await kept[Symbol.asyncDispose]();
    await assert.rejects(answer(`SELECT * FROM ${kept.name}`), isVivaceError);
  });

  it('makes a table of its own in every call', async () => {
    const statement = { sql: 'SELECT 7 AS x' };
    const tables = await Promise.all([lake().keep(statement, context()), lake().keep(statement, context())]);
    assert.notEqual(tables[0].name, tables[1].name);
    await tables[0][Symbol.asyncDispose]();
    await using other = tables[1];
    assert.equal(Number((await answer(`SELECT x FROM ${other.name}`))[0]![0]), 7);
  });

  it('drops the table when its user fails, and hands the failure on as it is', async () => {
    let name = '';
    const thrown = new Error('as the test asked');
    const failing = async (): Promise<void> => {
      await using kept = await lake().keep({ sql: 'SELECT 1 AS x' }, context());
      name = kept.name;
      throw thrown;
    };
    await assert.rejects(failing, (error) => error === thrown);
    await assert.rejects(answer(`SELECT * FROM ${name}`), isVivaceError);
  });

  it('drops the table when its user is aborted', async () => {
    const abort = new AbortController();
    const call = { signal: abort.signal };
    let name = '';
    const failing = async (): Promise<void> => {
      await using kept = await lake().keep({ sql: 'SELECT 1 AS x' }, call);
      name = kept.name;
      abort.abort();
      await readAll(lake().query({ sql: `SELECT * FROM ${name}` }, call));
    };
    await assert.rejects(failing, (error) => isVivaceError(error) && error.code === 'CANCELLED');
    // The aborted user does not wait for the table to be gone.
    for (let there = true; there;)
      there = await answer(`SELECT * FROM ${name}`).then(
        () => true,
        () => false,
      );
  });

  it('leaves a table alone while the part stops, and waits for it', async () => {
    const loaded = await lake().load(table(['int64'], [[7n]]), context());
    const stopping = part().stop(60_000);
    while (part().guarded.state === 'ready') await turn();
    await assert.rejects(
      async () => lake().keep({ sql: 'SELECT 1 AS x' }, context()),
      (error) => isVivaceError(error) && error.code === 'UNAVAILABLE',
    );
    assert.equal(part().guarded.state, 'stopping');
    await loaded[Symbol.asyncDispose]();
    await stopping;
    assert.equal(part().guarded.state, 'stopped');
  });

  it('stops without a table that is never disposed of; disposing of it then does no harm', async () => {
    const kept = await lake().keep({ sql: 'SELECT 1 AS x' }, context());
    await part().stop(1);
    assert.equal(part().guarded.state, 'stopped');
    await kept[Symbol.asyncDispose]();
  });
}
