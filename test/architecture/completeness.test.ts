import { expect } from 'chai';
import { isDefinition } from 'vivace';
import { readText, repositoryFiles } from '../support/repository.js';

interface Part {
  readonly room: 'plugins' | 'adapters';
  readonly name: string;
}

/** Rooms' folders: one per part. */
const parts: readonly Part[] = (['plugins', 'adapters'] as const).flatMap((room) => {
  const names = repositoryFiles().flatMap((path) => path.match(`^${room}/([^/]+)/`)?.[1] ?? []);
  return [...new Set(names)].map((name) => ({ room, name }));
});

/** The command line is no part: it is the program that reads the configuration. */
const parted = parts.filter(({ name }) => name !== 'command-line');
const camelCase = (name: string): string =>
  name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

describe('Completeness', () => {
  const tests = repositoryFiles().filter((path) => /^test\/(unit|contract|integration)\/.*\.ts$/.test(path));
  const texts = tests.map(readText);
  const readme = readText('README.md');

  it('gives plugins and adapters different names', () => {
    const names = parts.map(({ name }) => name);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).to.deep.equal([]);
  });

  for (const { room, name } of parted) {
    describe(`${room}/${name}`, () => {
      it('exports its definition, named as the folder', async () => {
        const module = (await import(`vivace/${room}/${name}`)) as Record<string, unknown>;
        const definition = module[camelCase(name)];
        if (!isDefinition(definition)) throw new Error(`no definition is exported as ${camelCase(name)}`);
        expect(definition.name).to.equal(name);
        expect(definition.tier).to.equal(room === 'plugins' ? 'plugin' : 'adapter');
      });

      it('describes every option', async () => {
        const module = (await import(`vivace/${room}/${name}`)) as Record<string, unknown>;
        const definition = module[camelCase(name)];
        const options = isDefinition(definition) ? Object.entries(definition.options.shape) : [];
        const silent = options.filter(
          ([, schema]) => (schema as { description?: string }).description === undefined,
        );
        expect(silent.map(([option]) => option)).to.deep.equal([]);
      });

      it('has a test', () => {
        expect(texts.some((text) => text.includes(`'vivace/${room}/${name}'`))).to.equal(true);
      });
    });
  }

  for (const { room, name } of parts) {
    it(`${room}/${name} has a page and a row in README.md`, () => {
      const page = `docs/${room}/${name}.md`;
      expect(repositoryFiles()).to.include(page);
      expect(readme).to.include(`](${page})`);
    });
  }
});
