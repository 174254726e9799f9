import { duckdb } from 'vivace/adapters/duckdb';
import { makePart, warehouseContract } from 'vivace/testing';

describe('duckdb', () => {
  warehouseContract({
    runner: { describe, it, beforeEach, afterEach },
    make: () => makePart(duckdb, { threads: 2, memoryLimitBytes: 1_000_000_000 }),
  });
});
