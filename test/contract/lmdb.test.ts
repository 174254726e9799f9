import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyValueStoreContract, makePart } from 'vivace/testing';
import { lmdb } from 'vivace/adapters/lmdb';

describe('lmdb', () => {
  let directory: string;
  before(async () => (directory = await mkdtemp(join(tmpdir(), 'vivace-lmdb-'))));
  after(() => rm(directory, { recursive: true }));

  let count = 0;
  keyValueStoreContract({
    runner: { describe, it, beforeEach, afterEach },
    make: () => makePart(lmdb, { path: `db${count++}` }, { directory }),
  });
});
