import { resolve } from 'node:path';
import {
  onlyPart,
  pushedColumns,
  pushFeatures,
  warehouse,
  withServer,
  type PushedTable,
  type PushReport,
  type Server,
} from 'vivace';
import { loadConfiguration, mistake } from '../configuration.js';
import { exitCodes } from '../exit-codes.js';
import type { WithConfig, WithJson } from '../options.js';
import { count, Progress } from '../progress.js';
import { rowFile, type RowFile } from '../row-file.js';
import type { Run } from '../run.js';

export interface PushFeaturesCommandOptions extends WithConfig, WithJson {
  readonly view: string;
  readonly eventTime: string;
  readonly warehouse?: string;
}

/** Mistakes that are printed one by one. */
const mostPrinted = 20;

/** Pushes the rows of a file to a view. */
export async function pushFile(file: string, options: PushFeaturesCommandOptions, run: Run): Promise<void> {
  const { terminal, notes } = run;
  await withServer(await loadConfiguration(options, terminal), async (server) => {
    const columns = pushedColumns(server, options.view);
    const read = rowFile(file, { ...options, columns, terminal });
    const progress = new Progress(options.view, notes);
    try {
      const report = await pushFeatures(
        server,
        {
          view: options.view,
          rows: read?.rows ?? tableOf(file, options, { server, run }),
          onProgress: progress.update,
        },
        { signal: terminal.signal },
      );
      progress.finish(summaryOf(report));
      print(report, { file, read, run, json: options.json });
      if (report.accepted < report.rows) run.exitCode = exitCodes.mistake;
    } catch (error) {
      progress.leave();
      throw error;
    }
  });
}

/** A file that only a warehouse reads. */
function tableOf(
  file: string,
  options: PushFeaturesCommandOptions,
  { server, run: { terminal } }: { readonly server: Server; readonly run: Run },
): PushedTable {
  if (!/\.parquet$/i.test(file))
    throw mistake(`${file}: rows are pushed from .csv, .json, .jsonl and .parquet, or from - as JSON lines`);
  if (options.eventTime !== 'eventTime')
    throw mistake('--event-time goes with a CSV file: name the column eventTime');
  const has = server.bindings.some(({ ports }) => ports.includes(warehouse.name));
  if (!has)
    throw mistake(
      `${file}: Parquet is read by a warehouse, and the configuration has none: add one such as lake: { use: duckdb }, or write CSV`,
    );
  const part = onlyPart(server, warehouse, { wanted: options.warehouse, say: '--warehouse' });
  return { reference: resolve(terminal.directory, file), warehouse: part };
}

function summaryOf({ rows, accepted, written }: PushReport): string {
  const unchanged = accepted - written;
  return [
    `${count(rows)} rows, ${count(written)} written`,
    ...(unchanged > 0 ? [`${count(unchanged)} unchanged`] : []),
    ...(accepted < rows ? [`${count(rows - accepted)} refused`] : []),
  ].join(', ');
}

function print(
  { errors, ...report }: PushReport,
  {
    file,
    read,
    run: { terminal },
    json,
  }: { readonly file: string; readonly read: RowFile | undefined; readonly run: Run } & WithJson,
): void {
  const placed = errors.map(({ row, path, message }) => ({
    row,
    place: read?.placeOf(row) ?? `${file} row ${row + 1}`,
    path,
    message,
  }));
  if (json === true) terminal.stdout.write(`${JSON.stringify({ ...report, errors: placed })}\n`);
  for (const { place, path, message } of placed.slice(0, mostPrinted))
    terminal.stderr.write(`${place}${path === '' ? '' : ` ${path}`}: ${message}\n`);
  const more = placed.length - mostPrinted;
  if (more > 0) terminal.stderr.write(`and ${count(more)} more: --json lists them\n`);
}
