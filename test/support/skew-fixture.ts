import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createServer,
  materializeViews,
  measureSkew,
  servedLog as servedLogPort,
  type PipelineDeclaration,
  type ServerOf,
  type SkewOfFetch,
  type SkewOptions,
  type SkewReport,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { servedLog } from 'vivace/plugins/served-log';
import { callContext } from 'vivace/testing';

/** A sale of a shop: when it happened, when it became known (epoch milliseconds), and how much it was. */
export interface Sale {
  readonly shop: string;
  readonly at: number;
  readonly known: number;
  readonly amount: number;
}

export const minuteMs = 60_000;
export const dayMs = 1440 * minuteMs;
/** 1 March 2026. */
export const marchMs = Date.UTC(2026, 2, 1);

/** A pipeline that asks for the last sale of a shop, and for what its sales of seven days come to. */
export const salesPipeline: PipelineDeclaration = {
  request: { shop: 'string', at: 'timestamp' },
  time: 'request.at',
  record: { served: { in: 'log' } },
  steps: [{ fetch: 'last' }, { fetch: 'week' }],
  response: { outputs: { amount: 'last.amount', sum: 'week.sum' } },
};

export interface ShopOptions {
  readonly refresh?: object;
  /** Of the view `last`. */
  readonly last?: object;
  /** What the sources of both views say besides their table and their event time; default: their available time. */
  readonly source?: object;
  readonly pipeline?: Partial<PipelineDeclaration>;
  readonly parts?: object;
}

/** A shop whose sales are a file, whose online store is kept by `materialize`, and whose requests are logged. Its stores outlive its servers. */
export class SkewShop {
  readonly directory = mkdtempSync(join(tmpdir(), 'vivace-skew-'));

  dispose(): void {
    rmSync(this.directory, { recursive: true });
  }

  /** Writes the file of sales. */
  sell(sales: readonly Sale[]): void {
    const iso = (ms: number): string => new Date(ms).toISOString();
    const lines = sales.map(({ shop, at, known, amount }) => `${shop},${iso(at)},${iso(known)},${amount}`);
    writeFileSync(join(this.directory, 'sales.csv'), `shop,at,known,amount\n${lines.join('\n')}\n`);
  }

  async within<T>(use: (server: ServerOf) => Promise<T>, options: ShopOptions = {}): Promise<T> {
    const server = await this.server(options);
    try {
      await server.start();
      return await use(server);
    } finally {
      await server.stop();
    }
  }

  async server({ refresh, last, source, pipeline, parts }: ShopOptions = {}): Promise<ServerOf> {
    const view = {
      store: 'online',
      entity: { shop: 'string' },
      source: { table: 'sales.csv', eventTime: 'at', ...(source ?? { availableTime: 'known' }) },
      ...(refresh === undefined ? {} : { refresh }),
    };
    return createServer({
      directory: this.directory,
      parts: {
        hot: { use: 'lmdb', path: './online' },
        lake: { use: duckdb, threads: 1 },
        online: { use: onlineStore, store: 'hot' },
        history: { use: offlineStore, warehouse: 'lake', online: 'online' },
        bucket: { use: 'filesystem', path: './log' },
        log: { use: servedLog, encode: 'lake', blobs: 'bucket' },
        ...parts,
      },
      views: {
        last: { ...view, features: { amount: { type: 'float64' } }, ...last },
        week: { ...view, features: { sum: { aggregate: 'sum', of: 'amount', windowDays: 7 } } },
      },
      pipelines: { sales: { ...salesPipeline, ...pipeline } },
    } as never);
  }
}

/** Copies what is known at a moment to the online store. */
export async function copySales(server: ServerOf, untilMs: number, more: object = {}): Promise<void> {
  await materializeViews(server, { untilMs, ...more }, callContext(60_000));
}

/** Asks for some shops at a moment. */
export async function askFor(server: ServerOf, shops: readonly string[], ms: number): Promise<void> {
  for (const shop of shops)
    await server.predict('sales', { request: { shop, at: new Date(ms).toISOString() } });
}

/** What a pipeline was served, against what is computed anew. */
export async function skewOf(server: ServerOf, options: Partial<SkewOptions> = {}): Promise<SkewReport> {
  await server.part(servedLogPort, 'log').flush(callContext());
  return measureSkew(server, { pipeline: 'sales', ...options }, callContext(60_000));
}

/** The causes of the rows of a fetch, and of its only feature. */
export function causesOf(
  report: SkewReport,
  fetch: string,
): Pick<SkewOfFetch, 'causes'> & { feature: object } {
  const found = report.fetches.find((each) => each.fetch === fetch)!;
  return { causes: found.causes, feature: found.features[0]!.causes };
}
