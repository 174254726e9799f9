import { createProject, type Project } from './project.js';

/** A pipeline whose only step is the plugin `calendar`. */
export const clock = `
parts:
  calendar: { use: calendar }
pipelines:
  clock:
    request: { departure: timestamp }
    time: request.departure
    steps: [{ transform: calendar }]
    response: { outputs: { hour: calendar.hour } }
`;

/** Parts that copy files to a store that stays. */
const copyingParts = `
parts:
  hot:     { use: lmdb, path: ./data/online }
  lake:    { use: duckdb }
  online:  { use: online-store, store: hot }
  history: { use: offline-store, warehouse: lake, online: online }`;
/** Parts that keep a log in files, too. */
export const loggingParts = `${copyingParts}
  bucket:  { use: filesystem, path: ./log }
  log:     { use: served-log, encode: lake, blobs: bucket }`;
/** A view of a CSV file. */
export const salesViews = `
views:
  shop_sales:
    store: online
    entity: { shop: string }
    source: { table: sales.csv, eventTime: at }
    features: { amount: { type: float64 } }`;
/** The view, copied to the store. */
export const sales = `${copyingParts}${salesViews}
pipelines:
  sales:
    request: { shop: string, at: timestamp }
    time: request.at
    steps: [{ fetch: shop_sales }]
    response: { outputs: { amount: shop_sales.amount } }
`;
/** The source of `sales`: two shops, one with three rows. */
export const salesCsv =
  'shop,at,amount\nn,2001-06-14 10:00:00,1\nn,2001-06-15 23:00:00,2\nn,2001-06-16 00:00:00,3\ns,2001-06-10 00:00:00,9\n';

/** A model repository in a folder, as a team could write one. */
export const repository = `
import { definePlugin, modelRepository, VivaceError } from 'vivace';
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { z } from 'zod';
export const repository = definePlugin({
  provides: modelRepository,
  name: 'repository',
  options: z.strictObject({ file: z.string() }),
  create: ({ file }, _, { directory }) => {
    const path = directory + '/' + file;
    const read = () => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { versions: [], aliases: {} });
    return {
      async resolve(reference) {
        const [name, alias = 'champion'] = reference.split('@');
        const { aliases, versions } = read();
        const version = aliases[name + '@' + alias] ?? versions.find((model) => model.name === name && model.version === alias)?.version;
        if (version === undefined) throw new VivaceError('NOT_FOUND', 'there is no model "' + reference + '"');
        return { name, version };
      },
      manifest: async ({ name, version }) => read().versions.find((model) => model.name === name && model.version === version),
      fetch: async () => { throw new VivaceError('UNIMPLEMENTED', 'not here'); },
      async add(manifest, files) {
        let bytes = 0;
        for await (const chunk of files(manifest.entry)) bytes += chunk.length;
        if (bytes !== manifest.files[0].sizeBytes) throw new Error('size');
        const all = read();
        writeFileSync(path, JSON.stringify({ ...all, versions: [...all.versions, manifest] }));
      },
      async setAlias(name, alias, version) {
        const all = read();
        writeFileSync(path, JSON.stringify({ ...all, aliases: { ...all.aliases, [name + '@' + alias]: version } }));
        return { version, before: all.aliases[name + '@' + alias] };
      },
      list: async (_context, { name: only } = {}) => {
        const { versions, aliases } = read();
        return versions.filter(({ name }) => only === undefined || name === only).map(({ name, version }) => ({
          name, version,
          aliases: Object.keys(aliases).filter((key) => key.startsWith(name + '@') && aliases[key] === version).map((key) => key.split('@')[1]),
        }));
      },
    };
  },
});
`;

/** A predictor that knows its model's signature and never loads it. */
export const lookOnly = `
import { definePlugin, modelRepository, predictor } from 'vivace';
import { z } from 'zod';
export const lookOnly = definePlugin({
  provides: predictor,
  name: 'look-only',
  options: z.strictObject({ model: z.string() }),
  uses: { repository: modelRepository },
  create: ({ model }, { repository }) => ({
    async describe(context) {
      const found = await repository.resolve(model, context);
      return { model: found, signature: (await repository.manifest(found, context)).signature };
    },
    serving: () => undefined,
    predict: async () => { throw new Error('not here'); },
  }),
});
`;

/** A model repository and a runtime. */
export const models = `
parts:
  models: { use: ./repository.mjs, file: models.json }
  onnx:   { use: onnxruntime }
`;

/** The same with a pipeline that predicts with the model `affine`. */
export const scoring = `${models}
  score:  { use: ./look-only.mjs, model: affine@champion, repository: models }
pipelines:
  score:
    request: { a: float32, b: float32, c: float32 }
    steps: [{ predict: score }]
    response: { outputs: { y: score.y } }
`;

/** The project of the running test, and what makes it. */
export interface GivenProject {
  readonly project: Project;
  readonly given: (files: Readonly<Record<string, string>>) => Promise<void>;
}

/** Declares that each test of a `describe` makes a project, and removes it after the test. */
export function givenProject(): GivenProject {
  let made: Project | undefined;
  const current = (): Project => {
    if (made === undefined) throw new Error('the test has no project yet: call given(files) first');
    return made;
  };
  const project: Project = {
    get directory() {
      return current().directory;
    },
    write: (files) => current().write(files),
    vivace: (argv, options) => current().vivace(argv, options),
    async remove() {
      await current().remove();
      made = undefined;
    },
  };
  afterEach(() => project.remove());
  return {
    project,
    async given(files) {
      made = await createProject(files);
    },
  };
}
