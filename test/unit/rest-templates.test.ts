import { expect } from 'chai';
import { Address, whyNotAddress } from '../../plugins/rest-features/address.js';
import { bodyOf } from '../../plugins/rest-features/body.js';
import { jsonPath } from '../../plugins/rest-features/json-path.js';

describe('Addresses with keys', () => {
  const of = (text: string, ...keys: Record<string, string | number | bigint>[]): string | undefined =>
    new Address(text, { a: 'string', n: 'int64' }).of(keys);

  it('have keys in the path and the query, encoded', () => {
    expect(of('http://h:1/x/{a}/y?n={n}&z=1', { a: 'ü/?#&=%', n: 7n })).to.equal(
      'http://h:1/x/%C3%BC%2F%3F%23%26%3D%25/y?n=7&z=1',
    );
    expect(of('http://h?ids={n[]}', { a: '', n: 1n }, { a: '', n: 2n })).to.equal('http://h?ids=1,2');
  });

  it('lead nowhere else: a key is one segment of a path, whatever it holds', () => {
    for (const a of ['.', '..', '%2e', '%2E%2e', ''])
      expect(of('http://h/x/{a}/y', { a, n: 1n }), a).to.equal(
        a.startsWith('%') ? `http://h/x/${encodeURIComponent(a)}/y` : undefined,
      );
    for (const a of ['../..', '/etc', '\\..', '@other', 'http://other/']) {
      const url = new URL(of('http://h/x/{a}', { a, n: 1n })!);
      expect(url.host).to.equal('h');
      expect(url.pathname).to.match(/^\/x\/[^/]+$/);
    }
    expect(of('http://h/x.{a}', { a: '.', n: 1n })).to.equal('http://h/x..');
  });

  it('are refused where the host is not fixed, or something else is wrong', () => {
    const cases: Record<string, RegExp> = {
      '{a}': /is written http/,
      'https://{a}.example/x': /has a key in its host/,
      'https://h:{n}/x': /has a key in its host/,
      'ftp://h/{a}': /is written http/,
      'http://h/{a}#part': /is written http/,
      'http://me:you@h/{a}': /has credentials/,
      'http://h/{a': /has a brace/,
      'http://h/{a b}': /has a brace/,
      'http:///x': /is written http|is not an address|has no host/,
    };
    for (const [text, pattern] of Object.entries(cases)) expect(whyNotAddress(text), text).to.match(pattern);
    for (const text of ['http://h/{a}', 'https://h.example:8080?x={a[]}', 'http://[::1]:1/x'])
      expect(whyNotAddress(text), text).to.equal(undefined);
  });
});

describe('Bodies with keys', () => {
  const of = (template: unknown, ...keys: Record<string, string | number | bigint | boolean>[]): unknown =>
    JSON.parse(Buffer.from(bodyOf(template, keys, { a: 'string', n: 'int64', at: 'timestamp' })).toString());

  it('have values in place of texts, and lists of them', () => {
    expect(
      of({ ids: '{n[]}', kind: 'x', deep: [{ a: '{a[]}' }] }, { a: 'p', n: 1n }, { a: 'q"', n: 2n }),
    ).to.deep.equal({
      ids: [1, 2],
      kind: 'x',
      deep: [{ a: ['p', 'q"'] }],
    });
    expect(
      of({ id: '{n}', said: 'is {a} {n}', at: '{at}' }, { a: '{n}', n: 9_007_199_254_740_993n, at: 0 }),
    ).to.deep.equal({
      id: '9007199254740993',
      said: 'is {n} 9007199254740993',
      at: '1970-01-01T00:00:00.000000Z',
    });
  });
});

describe('Paths into answers', () => {
  const value = { a: { b: [{ c: 1 }, 2] }, 'x y': 3, "it's": 4, length: 5 };

  it('find members and elements', () => {
    const found = ['$', '$.a.b[0].c', '$.a.b[1]', "$['x y']", "$['it\\'s']", '$.length'].map((text) =>
      jsonPath(text)!.of(value),
    );
    expect(found).to.deep.equal([value, 1, 2, 3, 4, 5]);
  });

  it('find nothing that a value does not hold itself', () => {
    for (const text of [
      '$.b',
      '$.a.b[2]',
      '$.a.b.length',
      '$.a.b.c',
      '$.toString',
      '$.__proto__',
      '$.a[0]',
      '$.a.b[0].c.d',
    ])
      expect(jsonPath(text)!.of(value), text).to.equal(undefined);
  });

  it('are refused where they are none', () => {
    for (const text of ['', 'a', '.a', '$a', '$..a', '$.a[', '$.a[-1]', '$.a[*]', '$.a.', "$['a]", '$.a b'])
      expect(jsonPath(text), text).to.equal(undefined);
  });
});
