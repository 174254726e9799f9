import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fillFlightStore, fullSize } from './flight-store.js';
import { writeModels } from './serve.js';

/** One line of the table. */
export interface Figure {
  readonly what: string;
  readonly vivace: string;
  readonly floor?: string;
  /** Vivace's figure over the floor's. */
  readonly ratio?: number;
  readonly target?: string;
  /** Whether the target is reached; nothing is asserted. */
  readonly reached?: boolean;
}

export interface BenchCase {
  /** What is measured against what. */
  readonly title: string;
  run(bench: Workbench): Promise<readonly Figure[]>;
}

/** A directory for what cases need on disk; the large store and the models are made once, by the first that asks. */
export class Workbench {
  readonly directory: string;
  #store: Promise<string> | undefined;
  #models: Promise<string> | undefined;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async open(): Promise<Workbench> {
    return new Workbench(await mkdtemp(join(tmpdir(), 'vivace-bench-')));
  }

  /** An LMDB store of 1,000,000 rows in the layout of the flights views. */
  async flightStore(): Promise<string> {
    this.#store ??= (async () => {
      const path = join(this.directory, 'online');
      await fillFlightStore(path, fullSize);
      return path;
    })();
    return this.#store;
  }

  async models(): Promise<string> {
    this.#models ??= (async () => {
      const path = join(this.directory, 'models');
      await writeModels(path);
      return path;
    })();
    return this.#models;
  }

  async close(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A number for the table: three significant digits, thousands grouped. */
export function figure(value: number, unit: string): string {
  const text =
    value >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
  return `${text} ${unit}`;
}
