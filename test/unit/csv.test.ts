import { expect } from 'chai';
import { readCsv } from '../../adapters/command-line/csv.js';

/** The cells of a text that comes in chunks of so many characters. */
async function cellsOf(text: string, chunk = text.length): Promise<(readonly (string | null)[])[]> {
  async function* chunks(): AsyncGenerator<string> {
    for (let at = 0; at < text.length; at += chunk) yield await Promise.resolve(text.slice(at, at + chunk));
  }
  const records = [];
  for await (const { cells } of readCsv(chunks())) records.push(cells);
  return records;
}

describe('readCsv', () => {
  for (const chunk of [1, 2, 100]) {
    it(`takes both kinds of line breaks, and a carriage return by itself as part of a cell, in chunks of ${chunk}`, async () => {
      expect(await cellsOf('a,b\r\n1,2\n\r\n3,"4\r\n5"\r\n', chunk)).to.deep.equal([
        ['a', 'b'],
        ['1', '2'],
        ['3', '4\r\n5'],
      ]);
      expect(await cellsOf('a\rb,\r,"c"\r\nd,\r\n', chunk)).to.deep.equal([
        ['a\rb', '\r', 'c'],
        ['d', null],
      ]);
    });
  }

  it('refuses a carriage return by itself behind a closing quote', async () => {
    const failure = await cellsOf('a\n"b"\rc\n').then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(String(failure)).to.contain('line 2: something follows a closing quote');
  });
});
