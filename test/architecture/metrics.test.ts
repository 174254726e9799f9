import { expect } from 'chai';
import { createServer, httpServer } from 'vivace';
import type { InjectableServer } from 'vivace/adapters/memory';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { metricNames } from '../../core/kernel/metric-names.js';
import { table } from '../support/parts.js';
import { thrownBy } from '../support/scripted.js';
import { readText, repositoryFiles, root } from '../support/repository.js';

/** Rows of the table under "## Metrics" of docs/operations.md. */
const section = readText('docs/operations.md').split('\n## Metrics\n')[1]!.split(/\n##/)[0]!;
const documented = [...section.matchAll(/^\| `([a-z_]+\.[^`]+)` \|(.*)\|$/gm)].map(([, name, rest]) => {
  const [type, unit, attributes, , by] = rest!.split('|').map((cell) => cell.trim());
  return {
    name: name!,
    type,
    unit,
    attributes: attributes!.split(', ').filter((each) => each !== ''),
    by: by!,
  };
});

/** What parts record: `context.counter('cache.errors', { unit: '{call}', … })`. */
const ofParts = repositoryFiles()
  .filter((path) => /^(plugins|adapters)\/.*\.ts$/.test(path))
  .flatMap((path) =>
    [
      ...readText(path).matchAll(/context\.(counter|histogram|gauge)\(\s*'([^']+)',\s*\{\s*unit: '([^']+)'/g),
    ].map(([, type, name, unit]) => ({
      name: `vivace.${name}`,
      type: type!,
      unit: unit!,
      by: path.split('/')[1]!,
    })),
  );

describe('Metrics', () => {
  it('of parts all give a unit, so that this test sees them', () => {
    const calls = repositoryFiles()
      .filter((path) => /^(plugins|adapters)\/.*\.ts$/.test(path))
      .flatMap((path) => [...readText(path).matchAll(/\.(counter|histogram|gauge)\(/g)]);
    expect(calls.length).to.equal(ofParts.length);
  });

  it('are documented in docs/operations.md as the code has them, each and no other', () => {
    const ofCore = Object.values(metricNames).map(({ name, unit }) => `${name} ${unit}`);
    const inCode = new Set([...ofCore, ...ofParts.map(({ name, unit }) => `${name} ${unit}`)]);
    const inDocs = documented
      .filter(({ by }) => by === 'core' || isHere(by))
      .map(({ name, unit }) => `${name} ${unit}`);
    expect(inDocs.sort()).to.deep.equal([...inCode].sort());
  });

  it('of parts are documented with their type and with the part that records them', () => {
    const shown = new Map(documented.map(({ name, type, by }) => [name, `${type} by ${by}`]));
    for (const { name, type, by } of ofParts) expect(shown.get(name), name).to.equal(`${type} by ${by}`);
  });

  it('of core come out with the documented type and attributes', async () => {
    const text = await scrape();
    const types = new Map(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]),
    );
    const samples = [...text.matchAll(/^([a-z]+_[a-z_]+?)(?:_count)?\{(.*)\} \S+$/gm)];
    for (const { name, type, attributes, by } of documented) {
      const exported = `${name.replaceAll('.', '_')}${type === 'counter' ? '_total' : ''}`;
      // Without a model there is none to name.
      if (by !== 'core' || name.startsWith('vivace.model.')) continue;
      expect(types.get(exported), name).to.equal(type);
      const labels = samples
        .filter(([, sample]) => sample === exported)
        .flatMap(([, , labelled]) => labelled!.match(/[a-z_]+(?==")/g) ?? [])
        .filter((label) => !label.startsWith('otel_scope_'));
      const expected = attributes.map((attribute) => attribute.replaceAll('.', '_'));
      expect([...new Set(labels)], name).to.have.members(expected);
    }
  });
});

/** The metrics of a server that has taken a push, answered a request with an unknown key, refused another, and failed to answer a third. */
async function scrape(): Promise<string> {
  const server = await createServer({
    parts: {
      telemetry: { use: 'opentelemetry' },
      rows: { use: table, rows: { x: [1] } },
      ram: { use: 'memory' },
      recent: { use: 'cache', store: 'ram' },
      online: { use: 'online-store', store: 'ram' },
      web: { use: 'memory' },
      ops: { use: 'operations', server: 'web' },
    },
    views: { pushed: { store: 'online', entity: { id: 'string' }, features: { x: { type: 'float32' } } } },
    pipelines: {
      p: {
        objects: { fields: { id: 'string' } },
        steps: [{ fetch: 'rows', cache: { in: 'recent', ttlMs: 1000 } }],
        response: { outputs: { value: 'rows.f0' } },
      },
    },
  });
  await server.start();
  try {
    await server.predict('p', { objects: [{ id: 'x' }, { id: 'unknown' }] });
    await server.features.push('pushed', [{ id: 'a', x: 1, eventTime: new Date() }]);
    await thrownBy(server.predict('p', { objects: [{ id: 7 as never }] }));
    const web = server.part(httpServer, 'web') as InjectableServer;
    const handle = (): never => {
      throw new Error('as the test asked');
    };
    web.mount(({ path }) => (path === '/fails' ? { handle, template: path } : undefined));
    await web.inject({ path: '/fails' });
    return (await web.inject({ path: '/metrics' })).text;
  } finally {
    await server.stop();
  }
}

function isHere(part: string): boolean {
  return ['plugins', 'adapters'].some((room) => existsSync(join(root, room, part, 'index.ts')));
}
