import { expect } from 'chai';
import { posix } from 'node:path';
import { importsOf, sourcesUnder, type Import } from '../support/sources.js';
import { repositoryFiles } from '../support/repository.js';

/** The rooms of core, lowest first: each may import those before it, and none after it. So no two import each other. */
const order = [
  'kernel',
  'config',
  'data',
  'wire',
  'expressions',
  'views',
  'models',
  'ports',
  'json',
  'parts',
  'kit',
  'pipeline',
  'steps',
  'composition',
  'offline',
  'operations',
  'testing',
];

const roomOf = (file: string): string | undefined => /^core\/([^/]+)\//.exec(file)?.[1];

/** An import from a room into one that stands above it. */
function upward({ file, specifier = '' }: Import): string | undefined {
  const from = roomOf(file);
  const to = specifier.startsWith('.') ? roomOf(posix.join(posix.dirname(file), specifier)) : undefined;
  if (from === undefined || to === undefined) return undefined;
  return order.indexOf(to) > order.indexOf(from) ? `${file} imports core/${to}` : undefined;
}

describe('Rooms of core', () => {
  it('are those that have an order', () => {
    const rooms = new Set(repositoryFiles().flatMap((file) => roomOf(file) ?? []));
    expect([...rooms].sort()).to.deep.equal([...order].sort());
  });

  it('import only what stands below them, so that there is no circle', () => {
    const found = sourcesUnder('core').flatMap((file) =>
      importsOf(file).flatMap((each) => upward(each) ?? []),
    );
    expect(found).to.deep.equal([]);
  });

  // The rule itself, on code that breaks it.
  const broken: [string, string][] = [
    ['core/kernel/x.ts', `import type { Field } from '../data/feature-rows.js';`],
    ['core/wire/x.ts', `import type { Signature } from '../models/bundle.js';`],
    ['core/ports/x.ts', `import { Server } from '../composition/server.js';`],
    ['core/steps/fetch/x.ts', `import { createServer } from '../../composition/create-server.js';`],
    ['core/composition/x.ts', `export { asOf } from '../offline/as-of.js';`],
  ];
  for (const [file, text] of broken) {
    it(`finds ${text} in ${file}`, () =>
      expect(importsOf(file, text).flatMap((each) => upward(each) ?? [])).to.have.length(1));
  }

  it('finds nothing in an import downward', () => {
    const text = `import { VivaceError } from '../../kernel/errors.js';`;
    expect(importsOf('core/steps/fetch/x.ts', text).flatMap((each) => upward(each) ?? [])).to.deep.equal([]);
  });
});
