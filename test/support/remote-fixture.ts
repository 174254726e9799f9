import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { predictorRuntime, type Bundle, type PredictorInstance, type Signature } from 'vivace';
import { remoteModel } from 'vivace/adapters/remote-model';
import { affineInput, affineSignature, callContext, startPart } from 'vivace/testing';
import { manifestOf } from '../fixtures/bundles.js';
import { remoteBundle } from './remote-models.js';
import { ScriptedInference } from './scripted-inference.js';

/** Parts of `remote-model` in front of a server that answers what a test says. */
export interface RemoteFixture {
  /** A test that stops it puts another in its place. */
  scripted: ScriptedInference;
  /** Starts a part with these options and loads the bundle, the affine model unless given. */
  readonly load: (options?: object, bundle?: Bundle) => Promise<PredictorInstance>;
  /** The value that the instance gives for one row; `more` is added to the call. */
  readonly ask: (instance: PredictorInstance, more?: object) => Promise<unknown>;
  /** A bundle whose entry holds this text. */
  readonly bundleOf: (text: string, signature?: Signature) => Bundle;
  close(): Promise<void>;
}

/** Starts a `RemoteFixture`. */
export async function startRemote(): Promise<RemoteFixture> {
  const directory = mkdtempSync(join(tmpdir(), 'vivace-remote-'));
  const parts: Awaited<ReturnType<typeof startPart>>[] = [];
  const instances: PredictorInstance[] = [];
  const fixture: RemoteFixture = {
    scripted: await ScriptedInference.start(),
    async load(options = {}, bundle = remoteBundle('affine')) {
      const part = await startPart(remoteModel, { url: fixture.scripted.url, ...options });
      parts.push(part);
      const instance = await part.face(predictorRuntime).load(bundle, callContext());
      instances.push(instance);
      return instance;
    },
    async ask(instance, more = {}) {
      const [output] = await instance.predict(affineInput([1, 2]), { rows: 1, ...callContext(), ...more });
      return output!.data[0];
    },
    bundleOf(text, signature = affineSignature) {
      writeFileSync(join(directory, 'remote.json'), text);
      const manifest = manifestOf(Buffer.from(text), 'remote.json', { runtime: 'remote', signature });
      return { directory, manifest };
    },
    async close() {
      for (const instance of instances) await instance.unload();
      for (const part of parts) await part.stop();
      await fixture.scripted.stop();
      rmSync(directory, { recursive: true });
    },
  };
  return fixture;
}
