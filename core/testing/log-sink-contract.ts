import assert from 'node:assert/strict';
import type { RunningPart } from '../parts/create-part.js';
import { logLevels, logSink, type LogRecord } from '../ports/log-sink.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';

/** A part that writes logs, and a way to read what it wrote. */
export interface LogSinkSetup extends ContractSetup<RunningPart> {
  /** What the part has written since it was made, once it has stopped. */
  readonly read: () => string | Promise<string>;
}

/**
 * What every `LogSink` promises.
 *
 * @param setup.make Gives a part that writes every level to a new, empty place.
 */
export function logSinkContract({ runner, make, read }: LogSinkSetup): void {
  const { describe, it } = runner;

  /** Writes records with a part that is started and stopped around them, and gives what was written. */
  async function written(records: readonly LogRecord[]): Promise<string> {
    const part = await make();
    await part.start(callContext());
    for (const one of records) part.face(logSink).write(one);
    await part.stop();
    return read();
  }

  describe('LogSink contract', () => {
    it('writes each level, in order, and has written all when it has stopped', async () => {
      const text = await written(logLevels.map((level) => ({ ...record, level, message: `at ${level}` })));
      const places = logLevels.map((level) => text.indexOf(`at ${level}`));
      assert.ok(places.every((place) => place >= 0));
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
      );
    });

    it('writes message, part and fields', async () => {
      const text = await written([{ ...record, fields: { pipeline: 'rank-flights', rows: 12 } }]);
      for (const wanted of ['hello', 'part-a', 'rank-flights', '12'])
        assert.ok(text.includes(wanted), wanted);
    });

    it('writes trace and span', async () => {
      const text = await written([
        { ...record, traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' },
      ]);
      assert.ok(text.includes('4bf92f3577b34da6a3ce929d0e0e4736') && text.includes('00f067aa0ba902b7'));
    });

    it('writes an error’s message and its causes', async () => {
      const error = new Error('outer trouble', { cause: new TypeError('inner trouble') });
      const text = await written([{ ...record, error }]);
      assert.ok(text.includes('outer trouble') && text.includes('inner trouble'));
    });

    it('keeps a record on its line, whatever the message holds', async () => {
      const text = await written([{ ...record, message: 'first\nsecond \u2028 "third" \ud800' }]);
      assert.ok(text.includes('third'));
    });

    for (const [what, value] of hostile()) {
      it(`does not throw at ${what}`, async () => {
        const text = await written([
          { ...record, error: value },
          { ...record, fields: { value } },
          { ...record, message: 'after it' },
        ]);
        assert.ok(text.includes('after it'));
      });
    }

    lifecycleContract({
      runner,
      make,
      port: logSink,
      calls: { write: (started) => started.write(record) },
    });
  });
}

const record: LogRecord = { time: 1_000_000_000_000, level: 'info', message: 'hello', part: 'part-a' };

function hostile(): [string, unknown][] {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const throwing = {
    get broken(): never {
      throw new Error('a getter that throws');
    },
    toJSON(): never {
      throw new Error('a toJSON that throws');
    },
  };
  return [
    ['a circular value', circular],
    ['a value that throws when it is read', throwing],
    ['a bigint', 2n ** 70n],
    ['a symbol', Symbol('s')],
    ['a function', () => undefined],
    ['null', null],
    ['a text thrown as error', 'just text'],
    ['an invalid date', new Date(NaN)],
  ];
}
