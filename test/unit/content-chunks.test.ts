import { expect } from 'chai';
import { isVivaceError, type BlobContent } from 'vivace';
import { contentChunks, contentPieces } from 'vivace/kit';

const never = new AbortController().signal;

async function* inChunks(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function piecesOf(content: BlobContent, pieceBytes: number): Promise<[string, boolean][]> {
  const pieces: [string, boolean][] = [];
  for await (const { bytes, last } of contentPieces(content, pieceBytes, never))
    pieces.push([Buffer.from(bytes).toString(), last]);
  return pieces;
}

describe('contentPieces', () => {
  const cases: readonly (readonly [string, readonly [string, boolean][]])[] = [
    ['', [['', true]]],
    ['ab', [['ab', true]]],
    ['abcd', [['abcd', true]]],
    ['abcde', [['abcd', false], ['e', true]]],
    ['abcdefgh', [['abcd', false], ['efgh', true]]],
  ]; // prettier-ignore
  for (const [content, pieces] of cases) {
    it(`cuts ${content.length} bytes into pieces of 4, given whole or in chunks of any size`, async () => {
      const bytes = Buffer.from(content);
      expect(await piecesOf(bytes, 4)).to.deep.equal(pieces);
      for (const chunkBytes of [1, 3, 4, 5, 100])
        expect(await piecesOf(inChunks(bytes, chunkBytes), 4), `chunks of ${chunkBytes}`).to.deep.equal(
          pieces,
        );
    });
  }

  it('reads one chunk past a piece before it gives it, to know whether it is the last, and no more', async () => {
    let read = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (; read < 100; read++) yield Buffer.from('ab');
    }
    const pieces = contentPieces(source(), 4, never);
    await pieces.next();
    expect(read).to.equal(2);
    await pieces.return(undefined);
  });

  it('gives pieces that stay as they are when the source uses its memory again', async () => {
    async function* source(): AsyncGenerator<Uint8Array> {
      const memory = Buffer.alloc(4);
      for (const letter of 'abc') {
        memory.fill(letter);
        yield memory;
      }
    }
    const kept: Uint8Array[] = [];
    for await (const { bytes } of contentPieces(source(), 4, never)) kept.push(bytes);
    expect(Buffer.concat(kept).toString()).to.equal('aaaabbbbcccc');
  });
});

describe('contentChunks', () => {
  it('leaves a source that stands still when the signal aborts, and closes it once it goes on', async () => {
    let closed = false;
    let goOn!: () => void;
    const still = new Promise<void>((resolve) => (goOn = resolve));
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from('a');
        await still;
        yield Buffer.from('b');
      } finally {
        closed = true;
      }
    }
    const controller = new AbortController();
    const chunks = contentChunks(source(), controller.signal);
    await chunks.next();
    const next = chunks.next().catch((error: unknown) => error);
    controller.abort();
    const error = await next;
    expect(isVivaceError(error) && error.code).to.equal('CANCELLED');
    goOn();
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).to.equal(true);
  });

  it('closes the source when its reader leaves', async () => {
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from('a');
        yield Buffer.from('b');
      } finally {
        closed = true;
      }
    }
    for await (const chunk of contentChunks(source(), never)) if (chunk.length > 0) break;
    expect(closed).to.equal(true);
  });
});
