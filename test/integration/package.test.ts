import { expect } from 'chai';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { linksOf } from '../support/links.js';
import { root } from '../support/repository.js';
import { projectOf, shell } from '../support/scratch-project.js';

/** What a user of the package might write: every entry point, with the types that it promises. */
const program = `
import { createServer, defineAdapter, definePipeline, defineStep, keyValueStore, loadServer, type CallContext, type KeyValueEntry, type Server, type ServerOf, type Warehouse } from 'vivace';
import { cache } from 'vivace/plugins/cache';
import { memory } from 'vivace/adapters/memory';
import { express } from 'vivace/adapters/express';
import { keyValueStoreContract, makePart, type Runner } from 'vivace/testing';
import { RowCodec } from 'vivace/wire';
import { z } from 'zod';

export const table = defineAdapter({
  provides: keyValueStore,
  name: 'table',
  options: z.strictObject({ limit: z.int().default(10) }),
  create: ({ limit }) => {
    const values = new Map<string, Uint8Array>();
    return {
      supports: { maxBatch: limit },
      getMany: (keys: readonly string[]) => keys.map((key) => values.get(key)),
      putNewest: (entries: readonly KeyValueEntry[]) => entries.map(({ key, value }) => values.set(key, value).has(key)),
    };
  },
});

const moment = definePipeline({
  request: { at: 'timestamp', note: { type: 'string', optional: true } },
  objects: { fields: { id: 'int64' } },
  time: 'request.at',
  steps: [{ transform: 'calendar' }],
  response: { outputs: { hour: 'calendar.hour' } },
});

export async function answer(): Promise<number> {
  const server: ServerOf<{ moment: typeof moment }> = await createServer({
    parts: { calendar: { use: 'calendar' }, ram: { use: memory }, recent: { use: cache, store: 'ram' }, web: { use: express } },
    pipelines: { moment },
  });
  const { objects, degraded } = await server.predict('moment', { request: { at: new Date() }, objects: [{ id: 1n }] });
  // @ts-expect-error the pipeline's request has no such field
  await server.predict('moment', { request: { at: new Date(), more: 1 }, objects: [] });
  // @ts-expect-error there is no such pipeline
  await server.predict('other', {});
  const byColumn = await server.predict('moment', { request: { at: new Date() }, objects: { id: [1n] } });
  // @ts-expect-error an option of a definition is checked
  await createServer({ parts: { recent: { use: cache, store: 5 } }, pipelines: {} });
  return objects[0]!.index + degraded.length + byColumn.objects.index.length;
}

export const halve = defineStep({
  name: 'halve',
  reads: { whole: 'float64' },
  writes: { half: 'float64' },
  offline: 'same',
  create: () => ({
    run(input, out) {
      const whole: Float64Array = input.column('whole').values;
      out.column('half').values = whole.map((value) => value / 2);
    },
  }),
});

export async function temporary(lake: Warehouse, context: CallContext): Promise<string> {
  await using table = await lake.keep({ sql: 'SELECT 1 AS x' }, context);
  return table.name;
}

export const prove = (runner: Runner): void => keyValueStoreContract({ runner, make: () => makePart(table) });
export const loaded: Promise<Server> = loadServer('vivace.yaml');
export const codec: RowCodec = new RowCodec([]);
`;

describe('The packed package', function () {
  this.timeout(300_000);

  it('has declarations that a strict TypeScript project compiles against', async function () {
    const folder = join(await projectOf(this), 'typescript');
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
    for (const name of [
      'node',
      'express',
      'express-serve-static-core',
      'body-parser',
      'qs',
      'send',
      'serve-static',
      'connect',
      'mime',
      'range-parser',
      'http-errors',
    ]) {
      const types = join(root, 'node_modules/@types', name);
      if (existsSync(types)) cpSync(types, join(folder, 'node_modules/@types', name), { recursive: true });
    }
    for (const name of ['undici-types'])
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
    writeFileSync(join(folder, 'program.ts'), program);
    const compilerOptions = {
      target: 'ES2022',
      module: 'NodeNext',
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      types: ['node'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const output = await shell(`node '${compiler}' -p . || true`, folder);
    expect(output).to.equal('');
  });

  it('holds what runs and what it is licensed under, and nothing of the tests', async function () {
    const folder = join(await projectOf(this), 'node_modules/vivace');
    expect(readdirSync(folder).sort()).to.deep.equal([
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'LICENSE',
      'README.md',
      'adapters',
      'dist',
      'docs',
      'package.json',
    ]);
    // What is not compiled: the Python package, without its tests.
    expect(readdirSync(join(folder, 'adapters'))).to.deep.equal(['python']);
    expect(readdirSync(join(folder, 'adapters/python'))).to.deep.equal(['wrapper']);
    const wrapper = readdirSync(join(folder, 'adapters/python/wrapper'));
    expect(wrapper).to.include.members(['pyproject.toml', 'vivace_wrapper']).and.not.include('tests');
    expect(readdirSync(join(folder, 'dist')).sort()).to.deep.equal(['adapters', 'core', 'plugins']);
  });

  it('holds the documentation, and its links lead to pages of the package', async function () {
    const folder = join(await projectOf(this), 'node_modules/vivace');
    const pages = readdirSync(join(folder, 'docs'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.md'),
    );
    expect(pages).to.include.members(['README.md', 'ports.md', 'adapters/redis.md']);
    const dead = pages.flatMap((page) =>
      linksOf(`docs/${page}`, readFileSync(join(folder, 'docs', page), 'utf8'))
        .filter(({ target }) => !existsSync(join(folder, target)))
        .map(({ target }) => `${page}: ${target}`),
    );
    expect(dead).to.deep.equal([]);
  });

  it('lets every entry point be imported', async function () {
    const folder = await projectOf(this);
    const installed = join(folder, 'node_modules/vivace/dist');
    const names = ['vivace', 'vivace/kit', 'vivace/wire', 'vivace/testing'];
    for (const room of ['plugins', 'adapters']) {
      for (const name of readdirSync(join(installed, room))) {
        if (existsSync(join(installed, room, name, 'index.js'))) names.push(`vivace/${room}/${name}`);
      }
    }
    const imports = names.map((name) => `await import('${name}');`).join('\n');
    writeFileSync(join(folder, 'imports.mjs'), `${imports}\nconsole.log('${names.length}');\n`);
    expect(await shell('node imports.mjs', folder)).to.equal(`${names.length}\n`);
    expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).to.have.property('dependencies');
  });
});
