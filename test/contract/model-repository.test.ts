import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobStore, workspace, type Definition } from 'vivace';
import { filesystem } from 'vivace/adapters/filesystem';
import { memory } from 'vivace/adapters/memory';
import { modelRepository } from 'vivace/plugins/model-repository';
import { makePart, modelRepositoryContract, startPart } from 'vivace/testing';

const blobs: readonly (readonly [string, Definition])[] = [
  ['memory', memory],
  ['filesystem', filesystem],
];

for (const [name, definition] of blobs) {
  describe(`model-repository over ${name}`, () => {
    let directory: string;
    const started: { stop(): Promise<void> }[] = [];
    beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-'))));
    afterEach(async () => {
      for (const part of started.splice(0)) await part.stop();
      rmSync(directory, { recursive: true });
    });

    modelRepositoryContract({
      runner: { describe, it, beforeEach, afterEach },
      async make() {
        const local = await startPart(filesystem, { path: join(directory, 'workspace') });
        const bucket = await startPart(
          definition,
          name === 'filesystem' ? { path: join(directory, 'blobs') } : {},
        );
        started.push(local, bucket);
        const uses = { blobs: bucket.face(blobStore), workspace: local.face(workspace) };
        return makePart(modelRepository, {}, { uses });
      },
    });
  });
}
