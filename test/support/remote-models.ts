import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, modelRepository, type Bundle, type Server, type Signature } from 'vivace';
import { affineSignature, callContext } from 'vivace/testing';
import { fixtureBundle, fixtures, manifestOf } from '../fixtures/bundles.js';

/** JavaScript models of `test/fixtures`, by the names under which they are served. */
export type RemoteFixtures = Readonly<
  Record<string, { readonly entry: string; readonly signature?: Signature }>
>;

/** Models behind Vivace's own server of the Open Inference Protocol. */
export interface RemoteModels {
  readonly server: Server;
  readonly url: string;
  close(): Promise<void>;
}

/** A bundle of the runtime `remote`, whose entry is a file of `test/fixtures/remote`. */
export function remoteBundle(name: string, signature: Signature = affineSignature): Bundle {
  const entry = `remote/${name}.json`;
  const content = readFileSync(join(fixtures, entry));
  return { directory: fixtures, manifest: manifestOf(content, entry, { runtime: 'remote', signature }) };
}

/** Serves models, each by a predictor of its own, over the Open Inference Protocol. */
export async function serveRemoteModels(models: RemoteFixtures): Promise<RemoteModels> {
  const directory = mkdtempSync(join(tmpdir(), 'vivace-remote-'));
  const stored = {
    files: { use: 'filesystem', path: 'models' },
    models: { use: 'model-repository', blobs: 'files', workspace: 'files' },
  };
  const shelf = await createServer({ directory, parts: stored, pipelines: {} });
  await shelf.start();
  const repository = shelf.part(modelRepository, 'models');
  for (const [name, { entry, signature }] of Object.entries(models)) {
    const manifest = { ...fixtureBundle(entry, signature).manifest, name };
    await repository.add(manifest, (path) => readFileSync(join(fixtures, path)), callContext());
    await repository.setAlias(name, 'champion', manifest.version, callContext());
  }
  await shelf.stop();
  // A model that never answers is not warmed up.
  const predictor = (model: string): object => ({
    use: 'model-predictor',
    model,
    repository: 'models',
    runtime: 'js',
    refreshMs: 0,
    warmUp: false,
  });
  const server = await createServer({
    directory,
    // However slow the machine is.
    admission: { shedLagMs: 600_000 },
    parts: {
      ...stored,
      js: { use: 'javascript' },
      ...(Object.fromEntries(Object.keys(models).map((name) => [name, predictor(name)])) as Record<
        string,
        { use: string }
      >),
      web: { use: 'express', port: 0, drainIdleMs: 0, bodyLimitBytes: 100_000_000 },
      open: { use: 'open-inference', server: 'web' },
    },
    pipelines: {},
  });
  await server.start();
  return {
    server,
    url: server.addresses()[0]!,
    async close() {
      await server.stop();
      rmSync(directory, { recursive: true });
    },
  };
}
