import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pushModel, repositoryAt, type PushedModel, type PushModelOptions, type Server } from 'vivace';
import { callContext } from 'vivace/testing';

/** A repository in the folder `bucket` of a temporary directory, and models to push there. */
export interface PushFixture {
  readonly directory: string;
  /** A test that needs other parts puts another in its place. */
  server: Server;
  /** Writes a folder. @returns Its path. */
  readonly folder: (files: Readonly<Record<string, string>>) => string;
  /** Pushes a file or folder as `m`, by `ada`, without the check, unless options say otherwise. */
  readonly push: (file: string, options?: Partial<PushModelOptions>) => Promise<PushedModel>;
  close(): Promise<void>;
}

/** Starts a `PushFixture`. */
export async function startPushes(): Promise<PushFixture> {
  const directory = mkdtempSync(join(tmpdir(), 'vivace-push-'));
  const fixture: PushFixture = {
    directory,
    server: await repositoryAt('bucket', { option: 'to', kind: 'onnx', directory }),
    folder(files) {
      const path = mkdtempSync(join(directory, 'model-'));
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(path, name)), { recursive: true });
        writeFileSync(join(path, name), content);
      }
      return path;
    },
    push(file, options = {}) {
      const all = { file, name: 'm', by: 'ada', check: false, ...options };
      return pushModel(fixture.server, all, callContext());
    },
    async close() {
      await fixture.server.stop();
      rmSync(directory, { recursive: true });
    },
  };
  return fixture;
}
