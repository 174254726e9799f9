import { expect } from 'chai';
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { importsOf, sourcesUnder, type Import } from '../support/sources.js';

type Rule = (found: Import) => string | undefined;

/** `'node:fs/promises'` → `'node:fs'`, `'@scope/name/deep'` → `'@scope/name'`. */
function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/');
  if (builtinModules.includes(first)) return `node:${first}`;
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/** The file that a relative specifier means, relative to the repository; `undefined` for a package. */
function targetOf({ file, specifier = '' }: Import): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : undefined;
}

const folderOf = (file: string, depth: number): string => file.split('/').slice(0, depth).join('/') + '/';

/** What a folder of core may take from npm, beside zod and @opentelemetry/api. */
const corePackages: Readonly<Record<string, readonly string[]>> = {
  'core/composition': ['inversify', 'reflect-metadata'],
  'core/steps': ['inversify'],
  'core/index.ts': ['inversify', 'reflect-metadata'],
  'core/config': ['yaml'],
};

const core: Rule = (found) => {
  const target = targetOf(found);
  if (target !== undefined) return target.startsWith('core/') ? undefined : 'core imports only core';
  // Names of parts are resolved at run time; nothing is registered by hand.
  if (found.specifier === undefined) return undefined;
  const name = packageOf(found.specifier);
  if (name === 'node:assert')
    return found.file.startsWith('core/testing/') ? undefined : 'only core/testing asserts';
  if (name.startsWith('node:') || name === 'zod' || name === '@opentelemetry/api') return undefined;
  if (name === 'inversify' && found.typeOnly && /^core\/(ports|pipeline)\//.test(found.file))
    return undefined;
  const allowed = corePackages[folderOf(found.file, 2).slice(0, -1)] ?? [];
  return allowed.includes(name) ? undefined : `${name} is not for this folder of core`;
};

const plugin: Rule = (found) => {
  const target = targetOf(found);
  if (target !== undefined) {
    return target.startsWith(folderOf(found.file, 2)) ? undefined : 'a plugin imports no files but its own';
  }
  if (found.specifier === undefined) return 'a plugin loads nothing by a computed name';
  const allowed = ['vivace', 'vivace/wire', 'zod', 'node:crypto', 'node:buffer', 'crypto', 'buffer'];
  return allowed.includes(found.specifier) ? undefined : `a plugin does not import ${found.specifier}`;
};

const adapter: Rule = (found) => {
  const target = targetOf(found);
  if (target !== undefined) {
    return target.startsWith(folderOf(found.file, 2)) ? undefined : 'an adapter imports no files but its own';
  }
  if (found.specifier === undefined) return undefined;
  const name = packageOf(found.specifier);
  if (name === 'inversify' || name === 'reflect-metadata') return 'an adapter knows nothing of the container';
  if (name === 'vivace' && !['vivace', 'vivace/kit', 'vivace/wire'].includes(found.specifier)) {
    return `an adapter does not import ${found.specifier}`;
  }
  return undefined;
};

const example: Rule = (found) => {
  const target = targetOf(found);
  if (target !== undefined) return target.startsWith('examples/') ? undefined : 'an example leaves its room';
  return undefined;
};

const rooms: Readonly<Record<string, Rule>> = { core, plugins: plugin, adapters: adapter, examples: example };

function violations(imports: readonly Import[], rule: Rule): string[] {
  return imports.flatMap((found) => {
    const why = rule(found);
    return why === undefined
      ? []
      : [`${found.file}:${found.line} ${found.specifier ?? '(computed)'}: ${why}`];
  });
}

describe('Rooms', () => {
  for (const [room, rule] of Object.entries(rooms)) {
    it(`${room}/ imports only what it may`, () => {
      const imports = sourcesUnder(room).flatMap((file) => importsOf(file));
      expect(violations(imports, rule)).to.deep.equal([]);
    });
  }

  // The scanner itself, on code that breaks each rule: a rule that finds nothing proves nothing.
  const broken: [string, Rule, string][] = [
    ['core/data/x.ts', core, `import { x } from '../../plugins/cache/index.js';`],
    ['core/data/x.ts', core, `export { x } from '../../adapters/lmdb/index.js';`],
    ['core/data/x.ts', core, `import 'express';`],
    ['core/parts/x.ts', core, `import { Container } from 'inversify';`],
    ['core/ports/x.ts', core, `import { injectable } from 'inversify';`],
    ['core/parts/x.ts', core, `import { parse } from 'yaml';`],
    ['core/parts/x.ts', core, `import assert from 'node:assert/strict';`],
    ['plugins/a/x.ts', plugin, `import { x } from '../b/index.js';`],
    ['plugins/a/x.ts', plugin, `import fs from 'node:fs';`],
    ['plugins/a/x.ts', plugin, `const fs = await import('fs');`],
    ['plugins/a/x.ts', plugin, `const x = await import(name);`],
    ['plugins/a/x.ts', plugin, `type Client = import('redis').RedisClientType;`],
    ['plugins/a/x.ts', plugin, `import { lmdb } from 'vivace/adapters/lmdb';`],
    ['plugins/a/x.ts', plugin, `import { loadSdk } from 'vivace/kit';`],
    ['adapters/a/x.ts', adapter, `import { x } from '../b/index.js';`],
    ['adapters/a/x.ts', adapter, `import { x } from '../../core/kernel/errors.js';`],
    ['adapters/a/x.ts', adapter, `import { injectable } from 'inversify';`],
    ['adapters/a/x.ts', adapter, `import { cache } from 'vivace/plugins/cache';`],
    ['examples/a/x.ts', example, `import { x } from '../../core/index.js';`],
  ];
  for (const [file, rule, text] of broken) {
    it(`finds ${text} in ${file}`, () => expect(violations(importsOf(file, text), rule)).to.have.length(1));
  }

  const fine: [string, Rule, string][] = [
    ['core/ports/x.ts', core, `import type { ServiceIdentifier } from 'inversify';`],
    ['core/config/x.ts', core, `import { parseDocument } from 'yaml';`],
    ['core/testing/x.ts', core, `import assert from 'node:assert/strict';`],
    ['plugins/a/b/x.ts', plugin, `import { x } from '../y.js';`],
    ['adapters/a/x.ts', adapter, `const sdk = await loadSdk('redis', () => import('redis'));`],
    ['examples/a/x.ts', example, `import { createServer } from 'vivace';`],
  ];
  for (const [file, rule, text] of fine) {
    it(`allows ${text} in ${file}`, () => expect(violations(importsOf(file, text), rule)).to.deep.equal([]));
  }
});
