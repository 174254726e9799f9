import { expect } from 'chai';
import { Readable } from 'node:stream';
import type { CallContext } from 'vivace';
import { bodyChunks, byteRange, retryAfter, uploadContent, type PartsUpload } from 'vivace/kit';
import { callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';

describe('uploadContent', () => {
  const events: string[] = [];
  const cleaned: ((context: CallContext) => Promise<unknown>)[] = [];
  beforeEach(() => {
    events.length = 0;
    cleaned.length = 0;
  });

  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (const byte of [1, 2, 3, 4, 5]) yield Uint8Array.of(byte);
    } finally {
      events.push('source closed');
    }
  }
  const parts = (send: PartsUpload<string>['send']): PartsUpload<string> => ({
    send,
    abort: async () => events.push('aborted'),
  });
  const upload = (
    content: Uint8Array | AsyncIterable<Uint8Array>,
    begun: { readonly done: string } | PartsUpload<string>,
    signal = callContext().signal,
  ): Promise<string> =>
    uploadContent<string>(content, {
      pieceBytes: 2,
      signal,
      cleanUp: (task) => cleaned.push(task),
      begin: async ({ bytes, last }) => {
        events.push(`begin ${bytes.join('')}${last ? ' last' : ''}`);
        return begun;
      },
    });

  it('answers at once where everything is done with the first piece', async () => {
    expect(await upload(Uint8Array.of(1), { done: 'whole' })).to.equal('whole');
    expect(await upload(Uint8Array.of(), { done: 'empty' })).to.equal('empty');
    expect(events).to.deep.equal(['begin 1 last', 'begin  last']);
    expect(cleaned).to.deep.equal([]);
  });

  it('reads no further where the first piece decides that nothing is sent', async () => {
    expect(await upload(source(), { done: 'refused' })).to.equal('refused');
    expect(events).to.deep.equal(['begin 12', 'source closed']);
  });

  it('sends every piece in order, the first one too, and answers with the last', async () => {
    const sent = parts(async ({ bytes, last }) => {
      events.push(`send ${bytes.join('')}`);
      return last ? 'in parts' : undefined;
    });
    expect(await upload(source(), sent)).to.equal('in parts');
    expect(events.filter((event) => event !== 'source closed')).to.deep.equal([
      'begin 12',
      'send 12',
      'send 34',
      'send 5',
    ]);
    expect(cleaned).to.deep.equal([]);
  });

  it('aborts an upload in parts behind the call that fails, and closes the source', async () => {
    const failing = parts(() => Promise.reject(new Error('cut')));
    expect(await failureOf(upload(source(), failing))).to.include('cut');
    expect(events).to.deep.equal(['begin 12', 'source closed']);
    await cleaned[0]!(callContext());
    expect([cleaned.length, events.at(-1)]).to.deep.equal([1, 'aborted']);
  });

  it('aborts it where the signal aborts between pieces', async () => {
    const abort = new AbortController();
    const leaving = parts(async () => {
      abort.abort();
      return undefined;
    });
    expect(await failureOf(upload(source(), leaving, abort.signal))).to.match(/^CANCELLED/);
    expect(cleaned).to.have.length(1);
  });
});

describe('bodyChunks', () => {
  const body = (): Readable => Readable.from([Buffer.from('a'), Buffer.from('b')]);

  it('gives the chunks, and destroys the body of a reader who leaves', async () => {
    const left = body();
    const seen: string[] = [];
    for await (const chunk of bodyChunks(left, callContext().signal)) {
      seen.push(String(chunk));
      break;
    }
    expect([seen, left.destroyed]).to.deep.equal([['a'], true]);
  });

  it('fails as the signal says, before the first chunk and while it stands still', async () => {
    const still = new Readable({ read: () => undefined });
    const abort = new AbortController();
    const reading = bodyChunks(still, abort.signal).next();
    abort.abort();
    expect(await failureOf(reading)).to.match(/^CANCELLED/);
    expect(still.destroyed).to.equal(true);
    const late = body();
    expect(await failureOf(bodyChunks(late, abort.signal).next())).to.match(/^CANCELLED/);
    expect(late.destroyed).to.equal(true);
  });

  it('hands on what the body fails with', async () => {
    const broken = body();
    broken.destroy(new Error('reset'));
    expect(await failureOf(bodyChunks(broken, callContext().signal).next())).to.include('reset');
  });
});

describe('HTTP headers of objects', () => {
  it('name a range by its first and last byte, or to the end', () => {
    expect(byteRange({ offset: 5, lengthBytes: 3 })).to.equal('bytes=5-7');
    expect(byteRange({ offset: 5, lengthBytes: Infinity })).to.equal('bytes=5-');
  });

  it('say when to ask again in seconds, or not at all', () => {
    expect(retryAfter({ 'retry-after': '2' })).to.deep.equal({ retryAfterMs: 2000 });
    for (const headers of [undefined, {}, { 'retry-after': 'soon' }, { 'retry-after': '0' }])
      expect(retryAfter(headers)).to.deep.equal({});
  });
});
