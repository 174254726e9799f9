import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { logSink, VivaceError, type LogRecord } from 'vivace';
import { pino } from 'vivace/adapters/pino';
import { makePart, startPart } from 'vivace/testing';
import { root } from '../support/repository.js';
import { pendingBecause } from '../support/pending.js';

const record: LogRecord = { time: 1_000_000_000_123, level: 'info', message: 'hello', part: 'web' };

describe('pino', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-pino-'))));
  afterEach(() => rmSync(directory, { recursive: true }));

  async function written(options: object, ...records: LogRecord[]): Promise<string> {
    const part = await startPart(pino, { destination: 'logs/a.log', ...options }, { directory });
    for (const one of records) part.face(logSink).write(one);
    await part.stop();
    return readFileSync(join(directory, 'logs/a.log'), 'utf8');
  }

  async function writtenAs(options: object, one: Partial<LogRecord>): Promise<Record<string, unknown>> {
    return JSON.parse(await written(options, { ...record, ...one })) as Record<string, unknown>;
  }

  it('writes one JSON line per record, with ECS field names', async () => {
    expect(
      await writtenAs({}, { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), fields: { rows: 3 } }),
    ).to.deep.equal({
      '@timestamp': '2001-09-09T01:46:40.123Z',
      'log.level': 'info',
      message: 'hello',
      'ecs.version': '8.11.0',
      'service.name': 'vivace',
      'trace.id': 'a'.repeat(32),
      'span.id': 'b'.repeat(16),
      'vivace.part': 'web',
      'vivace.rows': 3,
    });
  });

  it('writes type, message, code and stack of an error and of its causes', async () => {
    const error = new VivaceError('UNAVAILABLE', 'no store', { cause: new Error('refused') });
    const line = await writtenAs({}, { error });
    expect(line).to.include({
      'error.type': 'VivaceError',
      'error.message': 'no store',
      'error.code': 'UNAVAILABLE',
    });
    expect(line['error.stack_trace']).to.match(/no store[\s\S]*caused by: Error: refused/);
  });

  it('leaves out what is below its level', async () => {
    const levels = (['debug', 'info', 'warn', 'error'] as const).map((level) => ({ ...record, level }));
    const lines = (await written({ level: 'warn' }, ...levels)).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as Record<string, unknown>)['log.level'])).to.deep.equal([
      'warn',
      'error',
    ]);
  });

  it('writes the service name it is given', async () => {
    expect(await writtenAs({ serviceName: 'ranking' }, {})).to.include({ 'service.name': 'ranking' });
  });

  it('redacts secrets at any depth and in any case', async () => {
    const text = await written(
      {},
      { ...record, fields: { Password: 'p1', nested: { list: [{ apikey: 'p2' }] }, user: 'u' } },
    );
    expect(text).not.to.match(/p1|p2/);
    expect(text).to.include('"vivace.Password":"[redacted]"').and.to.include('"vivace.user":"u"');
  });

  it('does not let a field stand in for the part', async () => {
    expect(await writtenAs({}, { fields: { part: 'other' } })).to.include({ 'vivace.part': 'web' });
  });

  it('writes a line for people', async () => {
    const error = new Error('no store', { cause: new Error('refused') });
    const text = await written({ pretty: true }, { ...record, error, message: 'a\nb', fields: { rows: 3 } });
    expect(text).to.equal('01:46:40.123 INFO  web: a\\nb rows=3: no store ← refused\n');
  });

  it('appends to what the file holds', async () => {
    mkdirSync(join(directory, 'logs'));
    writeFileSync(join(directory, 'logs/a.log'), 'before\n');
    expect(await written({}, record)).to.match(/^before\n\{/);
  });

  it('fails at start where the file cannot be opened', async () => {
    mkdirSync(join(directory, 'logs/a.log'), { recursive: true });
    const part = makePart(pino, { destination: 'logs/a.log' }, { directory });
    const failure = await part.start({ signal: AbortSignal.timeout(5000) }).catch((error: unknown) => error);
    await part.stop();
    expect(failure).to.include({ code: 'FAILED_PRECONDITION', part: 'pino' });
  });

  it('goes on, and says so once, where the disk is full', async function () {
    if (!existsSync('/dev/full')) pendingBecause(this, 'there is no /dev/full');
    const script = `
      import { logSink } from 'vivace';
      import { pino } from 'vivace/adapters/pino';
      import { startPart } from 'vivace/testing';
      const part = await startPart(pino, { destination: '/dev/full' });
      for (let i = 0; i < 3; i++) {
        part.face(logSink).write({ time: 0, level: 'info', message: 'lost', part: 'web' });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await part.stop();
      console.log('still here');
    `;
    const arguments_ = ['--input-type=module', '--eval', script];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, arguments_, { cwd: root });
    expect(stdout).to.equal('still here\n');
    expect(stderr.match(/log records are lost/g)).to.have.length(1);
  });

  it('writes to standard output, and all of it before it has stopped', async () => {
    const script = `
      import { logSink } from 'vivace';
      import { pino } from 'vivace/adapters/pino';
      import { startPart } from 'vivace/testing';
      const part = await startPart(pino);
      for (let i = 0; i < 5000; i++) part.face(logSink).write({ time: i, level: 'info', message: 'n' + i, part: 'web' });
      await part.stop();
    `;
    const arguments_ = ['--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, arguments_, { cwd: root, maxBuffer: 1e8 });
    expect(stdout.trim().split('\n')).to.have.length(5000);
  });
});
