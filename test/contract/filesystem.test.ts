import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobStoreContract, makePart, workspaceContract, type Runner } from 'vivace/testing';
import { filesystem } from 'vivace/adapters/filesystem';

describe('filesystem', () => {
  const runner: Runner = { describe, it, beforeEach, afterEach };
  let directory: string;
  before(async () => (directory = await mkdtemp(join(tmpdir(), 'vivace-files-'))));
  after(() => rm(directory, { recursive: true }));

  let count = 0;
  const make = (): ReturnType<typeof makePart> =>
    makePart(filesystem, { path: `f${count++}` }, { directory });
  blobStoreContract({ runner, make });
  workspaceContract({ runner, make });
});
