import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duckdb } from 'vivace/adapters/duckdb';
import { makePart, warehouseContract } from 'vivace/testing';

describe('duckdb', () => {
  let tiles: string;
  before(() => (tiles = mkdtempSync(join(tmpdir(), 'vivace-tiles-'))));
  after(() => rmSync(tiles, { recursive: true }));

  warehouseContract({
    runner: { describe, it, beforeEach, afterEach },
    make: () => makePart(duckdb, { threads: 2, memoryLimitBytes: 1_000_000_000, tiles }),
  });
});
