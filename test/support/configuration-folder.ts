import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigError, createServer, loadServer, type LoadOptions, type ServerOf } from 'vivace';
import { thrownBy } from './scripted.js';

/** Where a module that a test writes imports Vivace from. */
export const vivace = import.meta.resolve('vivace');
/** Where a module that a test writes imports zod from. */
export const zod = import.meta.resolve('zod');

/** The text of a module with one plugin. */
export const pluginModule = (name: string, exported: string): string => `
  import { definePlugin, featureSource } from '${vivace}';
  import { z } from '${zod}';
  export const ${exported} = definePlugin({
    provides: featureSource, name: '${name}', options: z.strictObject({}),
    describe: () => ({ keys: { id: 'string' }, features: { x: 'float64' }, offline: 'pure' }),
    create: () => ({ read: () => undefined }),
  });`;

/** The folder of a configuration. */
export interface ConfigurationFolder {
  readonly directory: string;
  /** Writes a file, and gives its path. */
  readonly write: (name: string, text: string) => string;
  readonly load: (yaml: string, options?: LoadOptions) => Promise<ServerOf>;
  /** The lines of the error that loading fails with. */
  readonly mistakes: (yaml: string, options?: LoadOptions) => Promise<string[]>;
}

/** Declares that each test of a `describe` has a folder of its own. */
export function configurationFolder(): ConfigurationFolder {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-config-'))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function write(name: string, text: string): string {
    const file = join(directory, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }
  const load = (yaml: string, options: LoadOptions = {}): Promise<ServerOf> =>
    loadServer(write('vivace.yaml', yaml), { env: {}, ...options });
  return {
    get directory() {
      return directory;
    },
    write,
    load,
    async mistakes(yaml, options = {}) {
      const error = await thrownBy(load(yaml, options));
      expect(error).to.be.instanceOf(ConfigError);
      expect(error.code).to.equal('INVALID_CONFIG');
      return error.message.split('\n');
    },
  };
}

/** The lines of the error that a configuration in code fails with. */
export async function codeMistakes(specification: object): Promise<string[]> {
  const error = await thrownBy(createServer({ parts: {}, pipelines: {}, ...specification }));
  expect(error).to.be.instanceOf(ConfigError);
  return error.message.split('\n');
}
